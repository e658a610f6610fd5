// Whether the module can run here.

/**
 * Whether this is a page or a browser's worker. Node and servers that resemble workers are neither:
 * they have no IndexedDB. Nor are pages in Node, so that unit tests send nothing; see
 * docs/testing-your-events.md.
 */
export function canRun(): boolean {
  // A page's types do not have all of them, and say that all are there. In a page, IndexedDB may
  // throw.
  const here = globalThis as unknown as Record<string, unknown> & { navigator?: Navigator }
  return !!(
    (here.document || (here.WorkerGlobalScope && here.indexedDB)) &&
    here.fetch &&
    !/jsdom|happydom/i.test(`${here.navigator?.userAgent}`)
  )
}
