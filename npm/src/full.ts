// The full client, which a page fetches once it has loaded. It also delivers orphaned events, moves
// events out of localStorage when that is full, and agrees with other tabs on which of them retries
// a failing server.
import { initSync } from 'lamplight:full'
import bytes from 'lamplight:full-wasm'
import { functions } from './full_functions.ts'
import { decodeModule } from './module_text.ts'

/** Compiled off the page's main thread. */
export const full = WebAssembly.compile(decodeModule(bytes)).then((module) => {
  initSync({ module })
  return functions
})
