import unpacker from 'lamplight:unpacker'
import { encoder } from './glue.ts'

interface Unpacker {
  a: WebAssembly.Memory
  /** Unpacks as many bytes of UTF-8 in its memory; says how many are left. */
  b(bytes: number): number
}

/**
 * The bytes of a module that `pack.mjs` made a string of. A module of its own does it: a loop here, which runs for the first time
 * and never again, takes two to four times as long.
 */
export function unpacked(text: string): Uint8Array<ArrayBuffer> {
  const module = new WebAssembly.Module(Uint8Array.from(unpacker, (char: string) => char.charCodeAt(0) - 33))
  const { a, b } = new WebAssembly.Instance(module).exports as unknown as Unpacker
  const bytes = new Uint8Array(a.buffer as ArrayBuffer)
  return bytes.subarray(0, b(encoder.encodeInto(text, bytes).written))
}
