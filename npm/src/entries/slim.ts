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
import { canRun } from '../load.ts'
import type { Lamplight, Options, Properties } from '../types.ts'

export type * from '../types.ts'

/**
 * Fetches and compiles the module, from `address` if your bundler puts the file elsewhere. In a page, code that was brought in
 * by `require` must name it: nothing else there says where the file is.
 */
export async function load(address?: URL | string) {
  const source = () => fetch(address ?? new URL('./lamplight.wasm', import.meta.url))
  const module = canRun() ? await WebAssembly.compileStreaming(source()) : undefined
  return function init<Events extends object = Record<string, Properties>>(options: Options): Lamplight<Events> {
    return new Client(options, () => module) as Lamplight<Events>
  }
}
