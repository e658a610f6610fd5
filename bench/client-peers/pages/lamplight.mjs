import { init } from 'lamplight'
import { KEY } from '../../client/key.mjs'

export function start(url) {
  // The warnings for developers are on by default on a loopback address.
  const lamplight = init({ url, key: KEY, debug: false })
  return (name, properties) => void lamplight.track(name, properties)
}
