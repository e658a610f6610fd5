// The whole module: what a page fetches once it has loaded. It also works for tabs that are gone, moves events out of
// localStorage when that is full, and agrees with other tabs on who tries a server that fails.
import { lookAt, tellOf } from 'lamplight:host'
import { overflow } from 'lamplight:overflow'
import bytes from 'lamplight:whole-wasm'
import type { More } from './glue.ts'
import { unpacked } from './unpack.ts'

/** Compiled off the page's own thread, once. */
export const module = WebAssembly.compile(unpacked(bytes))

/** What it needs and offers besides what the first one does. */
export const more: More = {
  imports: (host, read, giveTo) => ({
    wasm_keys: (to: number, _: number, at: number, bytes: number) => giveTo(to, host.keys(read(at, bytes))),
    wasm_size: (_: number, at: number, bytes: number) => host.get(read(at, bytes))?.length ?? 0,
    wasm_look: () => lookAt(host),
    wasm_overflow: (name: number, nameBytes: number, what: number, key: number, keyBytes: number, at: number, bytes: number) =>
      overflow(read(name, nameBytes), what, read(key, keyBytes), read(at, bytes)),
    wasm_told: (_: number, id: number, promise: Promise<string>) => tellOf(host, id, promise),
  }),
  exports: (wasm, core, give, given) => ({
    alive: (locks) => wasm.wasm_alive(core, give(locks), given()),
    worked: (id, isDone, text) => wasm.wasm_worked(core, id, isDone, give(text), given()),
  }),
}
