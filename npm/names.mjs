// Short names for what a module and its JavaScript call each other. wasm-bindgen's names end in
// hashes, which do not compress, and every page would download each of them twice.
import { run } from './binaryen.mjs'

/** The names that are shortened. They occur in the JavaScript of the modules, and nowhere else. */
export const SHORTENED = /^(_?_wb|__externref_|client_|wasm_bindgen_|memory$|\.\/lamplight)/

/**
 * The module, optimised once more and with short names, and the short names by the long ones, for
 * esbuild to use in the JavaScript.
 */
export function shorten(module, features) {
  const flags = ['--low-memory-unused', '-Oz', '--reorder-functions', '--minify-imports-and-exports-and-modules']
  const { output, printed } = run('wasm-opt', [...flags, ...features], module)
  const { imports, exports } = JSON.parse(printed)
  const names = { './lamplight_sdk_bg.js': 'a' }
  for (const [, name, short] of imports) names[name] = short
  for (const [name, short] of exports) names[name] = short
  return { wasm: output, names }
}
