/**
 * The bytes that a string's character codes are, each moved up by 33 and around: so the most frequent bytes of a module, the
 * small ones, are characters that no escape and no second byte of UTF-8 is needed for. A plain loop: `Uint8Array.from` takes
 * five times as long.
 */
export function unpacked(text: string): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(text.length)
  for (let at = 0; at < out.length; at += 1) out[at] = text.charCodeAt(at) - 33
  return out
}
