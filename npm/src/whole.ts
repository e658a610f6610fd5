// The whole module: what a page fetches once it has loaded. It also works for tabs that are gone, moves events out of
// localStorage when that is full, and agrees with other tabs on who tries a server that fails.
import bytes from 'lamplight:whole-wasm'
import { unpacked } from './unpack.ts'

export { more } from './more.ts'

/** Compiled off the page's own thread, once. */
export const module = WebAssembly.compile(unpacked(bytes))
