// What the whole client has besides what the first one does, in whichever form it comes.
import { listLocks, reportOverflow } from 'lamplight:host'
import { overflow } from 'lamplight:overflow'
import type { More } from './glue.ts'

/** What it needs and offers besides. */
export const more: More = {
  imports: (host, read, giveTo) => ({
    wasm_keys: (to: number, _: number, at: number, bytes: number) => giveTo(to, host.keys(read(at, bytes))),
    wasm_size: (_: number, at: number, bytes: number) => host.get(read(at, bytes))?.length ?? 0,
    wasm_queryLocks: () => listLocks(host),
    wasm_overflow: (
      name: number,
      nameBytes: number,
      what: number,
      key: number,
      keyBytes: number,
      at: number,
      bytes: number,
    ) => overflow(read(name, nameBytes), what, read(key, keyBytes), read(at, bytes)),
    wasm_awaitOverflow: (_: number, id: number, promise: Promise<string>) => reportOverflow(host, id, promise),
  }),
  exports: (wasm, give, given) => ({
    alive: (locks) => wasm.wasm_alive(give(locks), given()),
    overflowDone: (id, isDone, text) => wasm.wasm_overflowDone(id, isDone, give(text), given()),
  }),
}
