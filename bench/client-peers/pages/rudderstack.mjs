import { RudderAnalytics } from '@rudderstack/analytics-js/bundled'

export function start(url) {
  const analytics = new RudderAnalytics()
  analytics.load('bench', url, { configUrl: url, logLevel: 'NONE' })
  return (name, properties) => analytics.track(name, properties)
}
