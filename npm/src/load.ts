// The module, instantiated once and only in a page.
import { Handle, initSync } from 'lamplight:glue'

export type { Handle }
export type HandleClass = typeof Handle

let isLoaded = false

/** Whether there is a page around us: not in Node, not in a worker. */
export function hasPage(): boolean {
  return typeof window !== 'undefined' && typeof document !== 'undefined' && typeof fetch === 'function'
}

/** Instantiates the module from its bytes, or from a compiled module. `undefined` where there is no page. */
export function load(source: () => BufferSource | WebAssembly.Module): HandleClass | undefined {
  if (!hasPage()) return undefined
  if (!isLoaded) {
    initSync({ module: source() })
    isLoaded = true
  }
  return Handle
}
