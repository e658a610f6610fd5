import mixpanel from 'mixpanel-browser/src/loaders/loader-module-core'
import { startWith } from './mixpanel_start.mjs'

export const start = (url) => startWith(mixpanel, url)
