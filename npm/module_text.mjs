// WebAssembly modules as text, so that a script can contain them.
import { readFileSync } from 'node:fs'
import { run } from './binaryen.mjs'

/** The size of the decoder's memory: two pages of WebAssembly. */
const UTF8_BYTES_MAX = 2 * 65_536

/**
 * A string with one character per byte of the module, each byte plus 33, modulo 256. This turns the
 * most frequent bytes, the small ones, into characters that need neither an escape nor a second
 * byte of UTF-8.
 */
export function encodeModule(module) {
  const text = Buffer.from(module.map((byte) => byte + 33)).toString('latin1')
  if (Buffer.byteLength(text) > UTF8_BYTES_MAX)
    throw new Error(
      `a module of ${module.length} bytes does not fit into the decoder's memory: see src/module_text.wat`,
    )
  return text
}

/** The decoder, which is the module of `src/module_text.wat`, as such a string. */
export function encodedDecoder() {
  const { output } = run('wasm-as', [], readFileSync(new URL('src/module_text.wat', import.meta.url)))
  return encodeModule(run('wasm-opt', ['-Oz'], output).output)
}
