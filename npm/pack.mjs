// A module as a string, such as a script can carry it.
import { readFileSync } from 'node:fs'
import { run } from './binaryen.mjs'

/** What the unpacker's memory holds: two pages. */
const UTF8_BYTES_MAX = 2 * 65_536

/**
 * A string of as many characters as a module has bytes: each byte moved up by 33 and around. So the most frequent bytes, the
 * small ones, are characters that no escape and no second byte of UTF-8 is needed for.
 */
export function packed(module) {
  const text = Buffer.from(module.map((byte) => byte + 33)).toString('latin1')
  if (Buffer.byteLength(text) > UTF8_BYTES_MAX)
    throw new Error(`a module of ${module.length} bytes is more than the unpacker has memory for; see src/unpack.wat`)
  return text
}

/** The module of `src/unpack.wat`, as such a string. */
export function unpacker() {
  const module = run('wasm-as', [], readFileSync(new URL('src/unpack.wat', import.meta.url)))
  return packed(run('wasm-opt', ['-Oz'], module))
}
