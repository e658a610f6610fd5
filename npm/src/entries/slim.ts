/**
 * The same without the module inside: it is fetched as a file of its own, which browsers compile while it arrives.
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
import { instanceOf, type Make } from '../glue.ts'
import { canRun } from '../load.ts'
import type { Lamplight, Options, Properties } from '../types.ts'

export type * from '../types.ts'

/**
 * Fetches and compiles the module, from `address` if your bundler puts the file elsewhere. In a page, code that was brought in
 * by `require` must name it: nothing else there says where the file is.
 */
export async function load(address?: URL | string) {
  const source = () => fetch(address ?? new URL('./lamplight.wasm', import.meta.url))
  let make = (): Make | undefined => undefined
  if (canRun()) {
    try {
      const module = instanceOf(await WebAssembly.compileStreaming(source()))
      make = () => module
    } catch (error) {
      // The file could not be had. All else is a page that forbids WebAssembly: then `init` has its way without.
      if (error instanceof TypeError) throw error
      make = () => {
        throw error
      }
    }
  }
  return function init<Events extends object = Record<string, Properties>>(options: Options): Lamplight<Events> {
    return new Client(options, make) as Lamplight<Events>
  }
}
