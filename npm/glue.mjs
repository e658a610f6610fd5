// The JavaScript that wasm-bindgen generates, without parts that never run here.
import { readFileSync } from 'node:fs'

/** Each part, and what takes its place. */
const PARTS = [
  // We always pass an object with a compiled module, or nothing. The generated code also accepts
  // other arguments, with a warning.
  [
    /if \(module !== undefined\) \{\s+if \(Object\.getPrototypeOf\(module\)[\s\S]*?(?=const imports = __wbg_get_imports\(\);)([^\n]*\n)\s+if \(!\(module instanceof WebAssembly\.Module\)\) \{[^}]*\}/,
    'module = module?.module;\n    $1',
  ],
  // Every browser that runs the rest of the code has it.
  [
    /\(typeof FinalizationRegistry === 'undefined'\)\s+\? \{ register: \(\) => \{\}, unregister: \(\) => \{\} \}\s+: new/,
    'new',
  ],
]

/** The generated file at `path`, without these parts. */
export function glueWithoutUnusedParts(path) {
  let text = readFileSync(path, 'utf8')
  for (const [part, instead] of PARTS) {
    const shorter = text.replace(part, instead)
    if (shorter === text)
      throw new Error(`failed to find a part of ${path}: adapt the pattern ${part} to this version of wasm-bindgen`)
    text = shorter
  }
  return text
}
