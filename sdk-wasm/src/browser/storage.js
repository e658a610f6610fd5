// Reads all keys of localStorage, and sizes of values. This is JavaScript because each key would
// cross into the module by calls of its own, and each value would be copied.

/** The characters of the value under `key`; 0 when there is none. */
export const size = (storage, key) => storage.getItem(key)?.length ?? 0

/**
 * The keys that begin with `prefix`, one per line. One call for all names, because in some browsers
 * each `key(i)` walks the table again.
 */
export function keys(storage, prefix) {
  try {
    return Object.keys(storage)
      .filter((key) => key.startsWith(prefix))
      .join('\n')
  } catch {
    return ''
  }
}

/** The characters of all keys that begin with `prefix` and not with `own`, and of their values. */
export function sizeExcluding(storage, prefix, own) {
  let bytes = 0
  for (const key of keys(storage, prefix).split('\n'))
    if (!key.startsWith(own)) bytes += key.length + size(storage, key)
  return bytes
}
