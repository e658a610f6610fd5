// What the storage keys of a client begin with, if its options do not say.
import { encoder } from './glue.ts'

/** `ll:` and a hash (FNV-1a) of where events are posted to, without the write key: a new one also sends what was kept under the old one. */
export function namespaceOf(url: string): string {
  let hash = 0x811c9dc5
  for (const byte of encoder.encode(url.split('?')[0])) hash = Math.imul(hash ^ byte, 0x1000193)
  return `ll:${hash >>> 0}`
}
