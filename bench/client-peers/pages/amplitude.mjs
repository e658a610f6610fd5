import { init, track } from '@amplitude/analytics-browser'

export function start(url) {
  init('bench', undefined, {
    serverUrl: `${url}/2/httpapi`,
    // Both are on by default. The first asks a server of Amplitude's.
    fetchRemoteConfig: false,
    autocapture: false,
    logLevel: 0,
  })
  return (name, properties) => void track(name, properties)
}
