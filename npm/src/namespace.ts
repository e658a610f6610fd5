// The prefix of a client's storage keys, unless its options give one.
import { encoder } from './text.ts'

/**
 * `ll:` and a hash (FNV-1a) of the address that events are posted to, without the write key, so
 * that a new key also sends the events stored under the old one.
 */
export function namespaceOf(url: string): string {
  let hash = 0x811c9dc5
  for (const byte of encoder.encode(url.split('?')[0])) hash = Math.imul(hash ^ byte, 0x1000193)
  return `ll:${hash >>> 0}`
}
