import posthog from 'posthog-js/dist/module.slim'
import { startWith } from './posthog_start.mjs'

export const start = (url) => startWith(posthog, url)
