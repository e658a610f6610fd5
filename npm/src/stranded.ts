// Events that another address and write key left behind: no page adopts them, because they may be
// those of another installation on this origin.

/** How long nobody has tracked with a namespace before its events count as left behind. */
const IDLE_MS = 7 * 24 * 60 * 60 * 1000

/** Reports events in localStorage that no page has added to for a week, by namespace. */
export function reportStranded(own: string, report: (message: string) => void): void {
  try {
    const counts: Record<string, number> = {}
    for (const key of Object.keys(localStorage)) {
      const [, namespace] = /^(ll:\d+):[qb]:/.exec(key) ?? []
      // The session begins with the time of its last event.
      if (
        namespace &&
        namespace !== own &&
        !(Number.parseInt(localStorage[`${namespace}:s`], 10) > Date.now() - IDLE_MS)
      )
        counts[namespace] = (counts[namespace] ?? 0) + 1
    }
    for (const namespace in counts)
      report(
        `localStorage still has events of another address and write key: ${counts[namespace]} keys below '${namespace}'. A client with this namespace sends them`,
      )
  } catch {
    // No storage, no events in it.
  }
}
