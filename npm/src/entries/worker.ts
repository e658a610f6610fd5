/**
 * Lamplight with everything in one file, for service workers and extension backgrounds, which may
 * not load a chunk later, and for other workers.
 *
 * ```ts
 * import { init } from 'lamplight/worker'
 *
 * const lamplight = init({ url: 'https://t.example.com', key: 'wk_try_me_now' })
 * lamplight.track('activated')
 * // A service worker passes this to `event.waitUntil`.
 * await lamplight.flush()
 * ```
 *
 * `init` is synchronous. Events are in IndexedDB a moment after `track`, and survive the worker
 * there.
 *
 * @module lamplight/worker
 */
import { initSync } from 'lamplight:full'
import bytes from 'lamplight:full-wasm'
import { Client } from '../client.ts'
import type { CoreModule } from '../core.ts'
import { canRun } from '../environment.ts'
import { functions } from '../full_functions.ts'
import { decodeModule } from '../module_text.ts'
import type { Lamplight, Options, Properties } from '../types.ts'

export type * from '../types.ts'

let module: CoreModule | undefined

/**
 * Starts a client in a worker or a page; elsewhere, as in Node, every method does nothing. Throws
 * only if an option is invalid.
 */
export function init<Events extends object = Record<string, Properties>>(options: Options): Lamplight<Events> {
  return new Client(options, () => {
    if (canRun() && !module) {
      initSync({ module: new WebAssembly.Module(decodeModule(bytes)) })
      module = functions
    }
    return module
  }) as Lamplight<Events>
}
