// The TypeScript declarations of the modules' functions, which wasm-bindgen generates, in
// `src/generated`. `node npm/generated.mjs` writes them again, from the modules that were built
// last.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

/** The imports of the types that the declarations name. */
const IMPORTS = {
  first: "import type { NoteListeners as Listener } from '../notes.ts'",
  full: "import type { FullListener as Listener } from '../full_functions.ts'\nimport type { Stats } from './reports.ts'",
}

const path = (name) => join(here, `src/generated/${name}.d.ts`)

function declarations(wasm, name) {
  const generated = readFileSync(join(wasm, name, 'lamplight_sdk.d.ts'), 'utf8')
  return `// Generated from sdk-wasm/src/bindings.rs by npm/generated.mjs.
${IMPORTS[name]}

/** Makes the instance of the module, once. */
export function initSync(module?: { module: WebAssembly.Module }): unknown

${generated.slice(generated.indexOf('/**'))}`
}

/** Throws if the declarations are not those of the modules in the directory `wasm`. */
export function checkDeclarations(wasm) {
  for (const name of Object.keys(IMPORTS))
    if (readFileSync(path(name), 'utf8') !== declarations(wasm, name))
      throw new Error(`${path(name)} is out of date: run node npm/generated.mjs, and review the diff`)
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const name of Object.keys(IMPORTS))
    writeFileSync(path(name), declarations(join(here, '../target/browser-module'), name))
