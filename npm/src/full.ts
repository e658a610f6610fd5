// The full client, which a page fetches once it has loaded. It also delivers orphaned events, moves
// events out of localStorage when that is full, and agrees with other tabs on which of them retries
// a failing server.
import bytes from 'lamplight:full-wasm'
import { decodeModule } from './module_text.ts'

export { fullGlue } from './full_glue.ts'

/** Compiled once, off the page's main thread. */
export const module = WebAssembly.compile(decodeModule(bytes))
