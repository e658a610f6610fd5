// Reads all keys of localStorage. This is JavaScript because each key would cross into the module
// by calls of its own, and each value would be copied.

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
  let size = 0
  for (const key of keys(storage, prefix).split('\n'))
    if (!key.startsWith(own)) size += key.length + (storage.getItem(key)?.length ?? 0)
  return size
}
