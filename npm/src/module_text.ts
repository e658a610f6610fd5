import decoderText from 'lamplight:decoder'
import { encoder } from './text.ts'

interface Decoder {
  a: WebAssembly.Memory
  /**
   * Decodes the given number of bytes of UTF-8 in place, and returns how many bytes they become.
   */
  b(bytes: number): number
}

/**
 * The bytes of a module that `module_text.mjs` encoded as a string. A small module does the
 * decoding, because a loop in JavaScript, which runs once and unoptimised, takes two to four times
 * as long.
 */
export function decodeModule(text: string): Uint8Array<ArrayBuffer> {
  const module = new WebAssembly.Module(Uint8Array.from(decoderText, (char: string) => char.charCodeAt(0) - 33))
  const { a, b } = new WebAssembly.Instance(module).exports as unknown as Decoder
  const bytes = new Uint8Array(a.buffer as ArrayBuffer)
  return bytes.subarray(0, b(encoder.encodeInto(text, bytes).written))
}
