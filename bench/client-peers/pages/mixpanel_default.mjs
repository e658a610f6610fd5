import mixpanel from 'mixpanel-browser'
import { startWith } from './mixpanel_start.mjs'

export const start = (url) => startWith(mixpanel, url)
