// Web Locks. Some frames and browsers withhold or refuse them, and some pages replace them. Then
// heartbeats tell which pages live.

/**
 * Requests a lock in a task of its own, because a starting page has other work and no tab looks for
 * the lock of a page that is seconds old. Returns what releases it, whether or not it was granted.
 */
export function hold(name) {
  let release
  const held = new Promise((resolve) => {
    release = resolve
  })
  setTimeout(() => {
    try {
      navigator.locks.request(name, () => held).catch(() => {})
    } catch {}
  })
  return release
}

/** Calls `done` with what follows `prefix` in the names of all held locks, one per line. */
export async function query(prefix, done) {
  try {
    const { held } = await navigator.locks.query()
    const names = held.map(({ name }) => name).filter((name) => name.startsWith(prefix))
    done(names.map((name) => name.slice(prefix.length)).join('\n'))
  } catch {}
}
