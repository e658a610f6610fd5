// Whether the module can run here.

// Not among the types of a page.
declare const WorkerGlobalScope: (new () => object) | undefined

/** Whether we can run here: in a page, or in a worker of a browser. Not in Node, nor in servers that look like workers. */
export function canRun(): boolean {
  const isPage = typeof window !== 'undefined' && typeof document !== 'undefined'
  const isWorker =
    typeof WorkerGlobalScope === 'function' && globalThis instanceof WorkerGlobalScope && typeof indexedDB === 'object'
  return (isPage || isWorker) && typeof fetch === 'function'
}
