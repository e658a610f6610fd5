// Whether the module can run here.

// A page's types do not declare it.
declare const WorkerGlobalScope: (new () => object) | undefined

/**
 * Whether this is a page or a browser's worker. Node and servers that resemble workers are neither.
 */
export function canRun(): boolean {
  const isPage = typeof window !== 'undefined' && typeof document !== 'undefined'
  const isWorker =
    typeof WorkerGlobalScope === 'function' && globalThis instanceof WorkerGlobalScope && typeof indexedDB === 'object'
  return (isPage || isWorker) && typeof fetch === 'function'
}
