/**
 * Lamplight without the module inside: it is fetched as a separate file, which browsers compile
 * while it downloads.
 *
 * ```ts
 * import { load } from 'lamplight/slim'
 * const init = await load()
 * const lamplight = init({ url: 'https://t.example.com', key: 'wk_try_me_now' })
 * ```
 *
 * @module lamplight/slim
 */
import { Client } from '../client.ts'
import type { CoreModule } from '../core.ts'
import { canRun } from '../environment.ts'
import { instantiate } from '../first.ts'
import type { Lamplight, Options, Properties } from '../types.ts'

export type * from '../types.ts'

/**
 * Fetches and compiles the module. Pass `address` if your bundler puts the file elsewhere, or if a
 * page loads this entry with `require`, which does not tell the entry where the file is.
 */
export async function load(address?: URL | string) {
  const source = () => fetch(address ?? new URL('./lamplight.wasm', import.meta.url))
  let module = (): CoreModule | undefined => undefined
  if (canRun()) {
    try {
      const compiled = await WebAssembly.compileStreaming(source())
      module = () => instantiate(compiled)
    } catch (error) {
      // A TypeError means that the fetch failed. Otherwise the page forbids WebAssembly, which
      // `init` handles.
      if (error instanceof TypeError) throw error
      module = () => {
        throw error
      }
    }
  }
  return function init<Events extends object = Record<string, Properties>>(options: Options): Lamplight<Events> {
    return new Client(options, module) as Lamplight<Events>
  }
}
