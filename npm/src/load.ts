// The module, instantiated once and only in a page or a worker of one.
import { initSync } from 'lamplight:glue'
import { Handle } from './handle.ts'

// Not among the types of a page.
declare const WorkerGlobalScope: (new () => object) | undefined

export type { Handle } from './handle.ts'
export type HandleClass = typeof Handle

let isLoaded = false

/** Whether we can run here: in a page, or in a worker of a browser. Not in Node, nor in servers that look like workers. */
export function canRun(): boolean {
  const isPage = typeof window !== 'undefined' && typeof document !== 'undefined'
  const isWorker = typeof WorkerGlobalScope === 'function' && globalThis instanceof WorkerGlobalScope && typeof indexedDB === 'object'
  return (isPage || isWorker) && typeof fetch === 'function'
}

/** Instantiates the module from its bytes, or from a compiled module. `undefined` where it cannot run. */
export function load(source: () => BufferSource | WebAssembly.Module): HandleClass | undefined {
  if (!canRun()) return undefined
  if (!isLoaded) {
    initSync({ module: source() })
    isLoaded = true
  }
  return Handle
}
