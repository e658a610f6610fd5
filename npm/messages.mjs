// What a module has to say when it is misused.

/** What wasm-bindgen's own code says when it is misused, and how little of it says the same. */
const SAID = [
  ['attempted to take ownership of Rust value while it was borrowed', 'taken while borrowed'],
  ['recursive use of an object detected which would lead to unsafe aliasing in rust', 'recursive use'],
  ['null pointer passed to rust', 'null pointer'],
]

/** A module whose messages have blanks for what nobody needs to be told: blanks weigh nothing on the way. */
export function brief(module) {
  const out = Buffer.from(module)
  for (const [text, short] of SAID) {
    let at = out.indexOf(text)
    if (at < 0) throw new Error(`wasm-bindgen no longer says '${text}'`)
    for (; at >= 0; at = out.indexOf(text)) out.write(short.padEnd(text.length), at)
  }
  return out
}
