import { newTracker, trackSelfDescribingEvent } from '@snowplow/browser-tracker'

export function start(url) {
  newTracker('bench', url, { appId: 'bench' })
  return (name, data) =>
    trackSelfDescribingEvent({ event: { schema: `iglu:com.example/${name}/jsonschema/1-0-0`, data } })
}
