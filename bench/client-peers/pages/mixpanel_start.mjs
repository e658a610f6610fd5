export function startWith(mixpanel, url) {
  mixpanel.init('bench', { api_host: url, autocapture: false, track_pageview: false })
  return (name, properties) => void mixpanel.track(name, properties)
}
