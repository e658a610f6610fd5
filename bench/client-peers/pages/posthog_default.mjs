import posthog from 'posthog-js'
import { startWith } from './posthog_start.mjs'

export const start = (url) => startWith(posthog, url)
