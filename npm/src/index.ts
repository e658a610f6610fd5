/**
 * Browser telemetry that never loses an event silently.
 *
 * ```ts
 * import { init } from 'lamplight'
 * const lamplight = init({ url: 'https://t.example.com', key: 'wk_try_me_now' })
 * lamplight.track('signed_up', { plan: 'pro' })
 * ```
 *
 * This entry carries the WebAssembly module that a page begins with, so `init` is synchronous: nobody awaits anything. What
 * else there is to do comes in a chunk of its own, once the page has loaded.
 *
 * @module lamplight
 */
import bytes from 'lamplight:wasm'
import { Client } from './client.ts'
import { instanceOf, type Make } from './glue.ts'
import { canRun } from './load.ts'
import type { Lamplight, Options, Properties } from './types.ts'
import { unpacked } from './unpack.ts'

export type * from './types.ts'

let make: Make | undefined

/** Starts a client. Throws only when the options cannot work. In a page or a worker; elsewhere (Node), every method does nothing. */
export function init<Events extends object = Record<string, Properties>>(options: Options): Lamplight<Events> {
  return new Client(options, () => {
    if (canRun()) make ??= instanceOf(new WebAssembly.Module(unpacked(bytes)))
    return make
  }) as Lamplight<Events>
}
