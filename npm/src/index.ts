/**
 * Browser telemetry that never loses an event silently.
 *
 * ```ts
 * import { init } from 'lamplight'
 * const lamplight = init({ url: 'https://t.example.com', key: 'wk_try_me_now' })
 * lamplight.track('signed_up', { plan: 'pro' })
 * ```
 *
 * This entry contains the WebAssembly module of the first client, so `init` is synchronous. The
 * full client is a separate chunk, which the page fetches once it has loaded.
 *
 * @module lamplight
 */
import bytes from 'lamplight:wasm'
import { Client } from './client.ts'
import type { CoreModule } from './core.ts'
import { canRun } from './environment.ts'
import { instantiate } from './first.ts'
import { decodeModule } from './module_text.ts'
import type { Lamplight, Options, Properties } from './types.ts'

export type * from './types.ts'

let module: CoreModule | undefined

/**
 * Starts a client in a page or a worker; elsewhere, as in Node, every method does nothing. Throws
 * only if an option is invalid.
 */
export function init<Events extends object = Record<string, Properties>>(options: Options): Lamplight<Events> {
  return new Client(options, () => {
    if (canRun()) module ??= instantiate(new WebAssembly.Module(decodeModule(bytes)))
    return module
  }) as Lamplight<Events>
}
