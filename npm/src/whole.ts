// The whole module: what a page fetches once it has loaded. It also works for tabs that are gone, moves events out of
// localStorage when that is full, and agrees with other tabs on who tries a server that fails.
import { Core, initSync } from 'lamplight:whole-glue'
import { hosts, type Host } from 'lamplight:host'
import bytes from 'lamplight:whole-wasm'
import { unpacked } from './unpack.ts'

let loaded: Promise<unknown> | undefined

/** The class of whole clients, ready to take over on `host`, which the module knows by the number `at`. */
export async function load(at: number, host: Host): Promise<typeof Core> {
  hosts[at] = host
  // Off the page's own thread.
  loaded ??= WebAssembly.compile(unpacked(bytes)).then((module) => initSync({ module }))
  await loaded
  return Core
}
