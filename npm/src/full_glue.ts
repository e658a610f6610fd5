// The imports and exports that a full client has in addition to those of the first client.
import { listLocks, reportOverflow } from 'lamplight:host'
import { overflow } from 'lamplight:overflow'
import type { FullGlue } from './glue.ts'

export const fullGlue: FullGlue = {
  imports: (host, readText, passTextTo) => ({
    wasm_keys: (to: number, _: number, at: number, bytes: number) => passTextTo(to, host.keys(readText(at, bytes))),
    wasm_size: (_: number, at: number, bytes: number) => host.get(readText(at, bytes))?.length ?? 0,
    wasm_queryLocks: () => listLocks(host),
    wasm_overflow: (
      name: number,
      nameBytes: number,
      what: number,
      key: number,
      keyBytes: number,
      at: number,
      bytes: number,
    ) => overflow(readText(name, nameBytes), what, readText(key, keyBytes), readText(at, bytes)),
    wasm_awaitOverflow: (_: number, id: number, promise: Promise<string>) => reportOverflow(host, id, promise),
  }),
  exports: (wasm, passText, passedBytes) => ({
    alive: (locks) => wasm.wasm_alive(passText(locks), passedBytes()),
    overflowDone: (id, isDone, text) => wasm.wasm_overflowDone(id, isDone, passText(text), passedBytes()),
  }),
}
