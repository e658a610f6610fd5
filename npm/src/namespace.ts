// The prefix of a client's storage keys, unless its options give one.

/**
 * The namespace of the address that events are posted to, `<address>?key=<write key>`: `ll:` and a
 * hash of it without the key. But if an earlier page used this address or this key with another
 * namespace, it is that one. So a new key, or a new address, keeps the user, the decision about
 * consent, and the unsent events. With `started`, the namespace of a client, remembers it for later
 * pages.
 */
export function namespaceOf(url: string, started = ''): string {
  const own = url.split('?').map(hashed)
  let known = started
  // Servers may have a storage of their own.
  if (globalThis.location) {
    try {
      for (const name of own) {
        if (started) localStorage[`${name}:n`] ||= started
        known ||= localStorage[`${name}:n`]
      }
    } catch {}
  }
  return known || (own[0] as string)
}

/** `ll:` and the FNV-1a hash of the text's characters. */
function hashed(text: string): string {
  let hash = 0x811c9dc5
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x1000193)
  return `ll:${hash >>> 0}`
}
