// The module and what it imports, joined by hand: wasm-bindgen's own JavaScript for the same few functions is three times as
// long. What crosses is what wasm-bindgen 0.2.130 has cross: a text goes in as its place and length in memory that the module
// frees, and comes out as both, for as long as a call lasts. The build gives every `wasm_…` the short name that it has in the module.
import type { Core, Host } from 'lamplight:host'

export interface Exports {
  memory: WebAssembly.Memory
  wasm_malloc(bytes: number, align: number): number
  wasm_free(at: number, bytes: number, align: number): void
  wasm_start(...options: unknown[]): void
  wasm_track(ts: number, at: number, bytes: number, nameBytes: number): number
  wasm_context(at: number, bytes: number): void
  wasm_identify(at: number, bytes: number): void
  wasm_consent(): void
  wasm_withdraw(forgets: boolean): void
  wasm_flush(): void
  wasm_queued(seq: number): number
  wasm_stats(): void
  wasm_close(): void
  wasm_timerFired(): void
  wasm_answered(id: number, status: number, waitMs: number, at: number, bytes: number): void
  wasm_page(what: number): void
  wasm_handOver(): void
  wasm_alive(at: number, bytes: number): void
  wasm_overflowDone(id: number, isDone: boolean, at: number, bytes: number): void
}

export type Imports = Record<string, WebAssembly.ImportValue>
/** Makes an instance of a module, in whichever form it comes. */
export type Make = (imports: Imports) => Exports

/** What a module needs besides, and offers besides. */
export interface More {
  imports(host: Host, read: (at: number, bytes: number) => string, giveTo: (to: number, text: string) => void): Imports
  /** `give` gives a text, and tells its place; `given()` then tells its bytes. */
  exports(wasm: Exports, give: (text: string) => number, given: () => number): Required<Pick<Core, 'alive' | 'overflowDone'>>
}

/** An option, which is 0 in the module if it is not given. */
type Given = number | undefined

/** How a client is set up. Numbers that are 0 stand for the defaults; `consent` is 1 where the page says that there is some, 2 where it says that there is none. */
export type Setup = [
  url: string,
  namespace: string,
  intervalMs: Given,
  maxEvents: Given,
  maxBytes: Given,
  storageMaxBytes: Given,
  overflowMaxBytes: Given,
  liveness: boolean,
  consent: number,
]

export const [encoder, decoder] = [new TextEncoder(), new TextDecoder()]

/** As instances of WebAssembly are made. */
export const instanceOf =
  (module: WebAssembly.Module): Make =>
  (imports) =>
    new WebAssembly.Instance(module, { wasm_imports: imports }).exports as unknown as Exports

/** Starts a client of the module that `make` makes on `host`, in the place of one that handed over `state`, if one did. */
export function start(make: Make, host: Host, setup: Setup, state: string, more?: More): Core {
  /** The bytes of the text that was last given. */
  let given = 0
  const memory = (at: number, bytes: number) => new Uint8Array(wasm.memory.buffer, at, bytes)
  const read = (at: number, bytes: number) => decoder.decode(memory(at, bytes))
  const give = (text: string): number => {
    given = text.length
    if (!given) return 1
    const at = wasm.wasm_malloc(given, 1)
    // In its place at once, if it is ASCII, as nearly all are.
    if (encoder.encodeInto(text, memory(at, given)).read === given) return at
    wasm.wasm_free(at, given, 1)
    // Most are JSON, which stays the same; and in storage one byte a character.
    return give(text.replace(/[^\0-\x7f]/g, (unit) => `\\u${(unit.charCodeAt(0) + 0x10000).toString(16).slice(1)}`))
  }
  /** Gives a text to a place where the module looks for it; 0 stands for none. */
  const giveTo = (to: number, text: string | null | undefined) => {
    const at = text == null ? 0 : give(text)
    new Uint32Array(wasm.memory.buffer, to).set([at, given])
  }
  const said = (say: () => void) => {
    host.returnedText = ''
    say()
    return host.returnedText
  }
  const wasm = make({
    wasm_throw: (at: number, bytes: number) => {
      throw Error(read(at, bytes))
    },
    wasm_get: (to: number, _: number, at: number, bytes: number) => giveTo(to, host.get(read(at, bytes))),
    wasm_sizeExcluding: (_: number, at: number, bytes: number, own: number, ownBytes: number) =>
      host.sizeExcluding(read(at, bytes), read(own, ownBytes)),
    wasm_set: (_: number, key: number, keyBytes: number, at: number, bytes: number) =>
      host.set(read(key, keyBytes), read(at, bytes)),
    wasm_setNumbered: (_: number, number: number, at: number, bytes: number) =>
      host.setNumbered(number, read(at, bytes)),
    wasm_setEventPrefix: (_: number, at: number, bytes: number) => host.setEventPrefix(read(at, bytes)),
    wasm_remove: (_: number, at: number, bytes: number) => host.remove(read(at, bytes)),
    wasm_wallMs: () => Date.now(),
    wasm_monotonicMs: () => performance.now(),
    wasm_randomBits: () => crypto.getRandomValues(new Uint32Array(1))[0],
    wasm_setTimer: (_: number, waitMs: number) => host.setTimer(waitMs),
    wasm_note: (_: number, kind: number, first: number, second: number, at: number, bytes: number) =>
      host.note(kind, first, second, read(at, bytes)),
    wasm_returnText: (_: number, at: number, bytes: number) => {
      host.returnedText = read(at, bytes)
    },
    wasm_postRequest: (_: number, id: number, at: number, bytes: number, keepalive: number) =>
      host.postRequest(id, read(at, bytes), !!keepalive),
    wasm_abort: (_: number, id: number) => host.abort(id),
    wasm_holdLock: (_: number, at: number, bytes: number) => host.holdLock(read(at, bytes)),
    wasm_releaseLock: () => host.releaseLock(),
    wasm_loadFullClient: () => host.loadFullClient(),
    ...more?.imports(host, read, giveTo),
  })
  const [, namespace, ...options] = setup
  wasm.wasm_start(0, give(namespace), given, ...options, give(state), given)
  return {
    track: (ts, parts, nameBytes) => wasm.wasm_track(ts, give(parts), given, nameBytes),
    context: (json) => wasm.wasm_context(give(json), given),
    identify: (id) => wasm.wasm_identify(give(id), given),
    consent: wasm.wasm_consent,
    withdraw: wasm.wasm_withdraw,
    flush: wasm.wasm_flush,
    queued: (seq) => !!wasm.wasm_queued(seq),
    stats: () => said(wasm.wasm_stats),
    close: wasm.wasm_close,
    timerFired: wasm.wasm_timerFired,
    answered: (id, status, waitMs, body) => wasm.wasm_answered(id, status, waitMs, give(body), given),
    page: wasm.wasm_page,
    handOver: () => said(wasm.wasm_handOver),
    ...more?.exports(wasm, give, () => given),
  }
}
