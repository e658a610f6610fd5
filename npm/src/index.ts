/**
 * Browser telemetry that never loses an event silently.
 *
 * ```ts
 * import { init } from 'lamplight'
 * const lamplight = init({ url: 'https://t.example.com', key: 'wk_try_me_now' })
 * lamplight.track('signed_up', { plan: 'pro' })
 * ```
 *
 * This entry carries the WebAssembly module within itself, so `init` is synchronous: nobody awaits anything.
 *
 * @module lamplight
 */
import bytes from 'lamplight:wasm'
import { Client } from './client.ts'
import { load } from './load.ts'
import type { Lamplight, Options, Properties } from './types.ts'

export type * from './types.ts'

/** Starts a client. Throws only when the options cannot work. In a page or a worker; elsewhere (Node), every method does nothing. */
export function init<Events extends object = Record<string, Properties>>(options: Options): Lamplight<Events> {
  return new Client(options, () => load(unpacked)) as Lamplight<Events>
}

/** A plain loop: `Uint8Array.from` takes five times as long, and this runs once in every page load. */
function unpacked(): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes.length)
  for (let at = 0; at < out.length; at += 1) out[at] = bytes.charCodeAt(at)
  return out
}
