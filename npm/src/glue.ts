// The module and what it imports, joined by hand: wasm-bindgen's own JavaScript for the same few functions is three times as
// long. What crosses is what wasm-bindgen 0.2.130 has cross: a text goes in as its place and length in memory that the module
// frees, and comes out as a pair of both. The build gives every `wasm_…` the short name that it has in the module.
import type { Core, Host } from 'lamplight:host'

export interface Exports {
  memory: WebAssembly.Memory
  wasm_malloc(bytes: number, align: number): number
  wasm_free(at: number, bytes: number, align: number): void
  wasm_new(...options: unknown[]): number
  wasm_producer(core: number): Pair
  wasm_track(core: number, ts: number, at: number, bytes: number): number
  wasm_context(core: number, at: number, bytes: number): void
  wasm_identify(core: number, at: number, bytes: number): void
  wasm_consent(core: number): void
  wasm_withdrawn(core: number): number
  wasm_withdraw(core: number, forgets: boolean): void
  wasm_flush(core: number): void
  wasm_queued(core: number, seq: number): number
  wasm_stats(core: number): Pair
  wasm_close(core: number): void
  wasm_woke(core: number): void
  wasm_answered(core: number, id: number, status: number, waitMs: number, at: number, bytes: number): void
  wasm_page(core: number, what: number): void
  wasm_handOver(core: number): Pair
  wasm_alive(core: number, at: number, bytes: number): void
  wasm_worked(core: number, id: number, isDone: boolean, at: number, bytes: number): void
}

export type Pair = [at: number, bytes: number]

export type Imports = Record<string, WebAssembly.ImportValue>
/** Makes an instance of a module, in whichever form it comes. */
export type Make = (imports: Imports) => Exports

/** What a module needs besides, and offers besides. */
export interface More {
  imports(host: Host, read: (at: number, bytes: number) => string, giveTo: (to: number, text: string) => void): Imports
  /** `give` gives a text, and tells its place; `given()` then tells its bytes. */
  exports(wasm: Exports, core: number, give: (text: string) => number, given: () => number): Required<Pick<Core, 'alive' | 'worked'>>
}

/** How a client is set up. Numbers that are 0 stand for the defaults. */
export type Setup = [
  url: string, namespace: string, intervalMs: number, maxEvents: number, maxBytes: number, storageMaxBytes: number, overflowMaxBytes: number,
  liveness: boolean,
]

export const [encoder, decoder] = [new TextEncoder(), new TextDecoder()]

/** As instances of WebAssembly are made. */
export const instanceOf = (module: WebAssembly.Module): Make => (imports) => new WebAssembly.Instance(module, { wasm_imports: imports }).exports as unknown as Exports

/** Starts a client of the module that `make` makes on `host`, in the place of one that handed over `state`, if one did. */
export function start(make: Make, host: Host, setup: Setup, state: string, more?: More): Core {
  let view = new Uint8Array()
  /** The bytes of the text that was last given. */
  let given = 0
  // Another buffer once the memory has grown.
  const memory = () => (view.buffer === wasm.memory.buffer ? view : (view = new Uint8Array(wasm.memory.buffer)))
  const read = (at: number, bytes: number) => decoder.decode(memory().subarray(at, at + bytes))
  const give = (text: string) => {
    given = text.length
    if (!given) return 1
    const at = wasm.wasm_malloc(given, 1)
    // In its place at once, if it is ASCII, as nearly all are.
    if (encoder.encodeInto(text, memory().subarray(at, at + given)).read === given) return at
    wasm.wasm_free(at, given, 1)
    const bytes = encoder.encode(text)
    const place = wasm.wasm_malloc((given = bytes.length), 1)
    memory().set(bytes, place)
    return place
  }
  /** Gives a text to a place where the module looks for it; 0 stands for none. */
  const giveTo = (to: number, text: string | null | undefined) => {
    const at = text == null ? 0 : give(text)
    new Uint32Array(wasm.memory.buffer, to).set([at, given])
  }
  const taken = ([at, bytes]: Pair) => {
    const text = read(at, bytes)
    if (at) wasm.wasm_free(at, bytes, 1)
    return text
  }
  const wasm = make({
    wasm_throw: (at: number, bytes: number) => {
      throw Error(read(at, bytes))
    },
    wasm_get: (to: number, _: number, at: number, bytes: number) => giveTo(to, host.get(read(at, bytes))),
    wasm_sizeBesides: (_: number, at: number, bytes: number, own: number, ownBytes: number) => host.sizeBesides(read(at, bytes), read(own, ownBytes)),
    wasm_set: (_: number, key: number, keyBytes: number, at: number, bytes: number) => host.set(read(key, keyBytes), read(at, bytes)),
    wasm_setNumbered: (_: number, number: number, at: number, bytes: number) => host.setNumbered(number, read(at, bytes)),
    wasm_prefix: (_: number, at: number, bytes: number) => host.prefix(read(at, bytes)),
    wasm_remove: (_: number, at: number, bytes: number) => host.remove(read(at, bytes)),
    wasm_wallMs: () => Date.now(),
    wasm_monotonicMs: () => performance.now(),
    wasm_bits: () => crypto.getRandomValues(new Uint32Array(1))[0],
    wasm_wake: (_: number, waitMs: number) => host.wake(waitMs),
    wasm_note: (_: number, name: number, nameBytes: number, at: number, bytes: number) => host.note(read(name, nameBytes), read(at, bytes)),
    wasm_post: (_: number, id: number, at: number, bytes: number, keepalive: number) => host.post(id, read(at, bytes), !!keepalive),
    wasm_abort: (_: number, id: number) => host.abort(id),
    wasm_hold: (_: number, at: number, bytes: number) => host.hold(read(at, bytes)),
    wasm_release: () => host.release(),
    wasm_grow: () => host.grow(),
    ...more?.imports(host, read, giveTo),
  })
  const [, namespace, ...options] = setup
  const core = wasm.wasm_new(0, give(namespace), given, ...options, give(state), given)
  return {
    producer: () => taken(wasm.wasm_producer(core)),
    track: (ts, parts) => wasm.wasm_track(core, ts, give(parts), given),
    context: (json) => wasm.wasm_context(core, give(json), given),
    identify: (id) => wasm.wasm_identify(core, give(id), given),
    consent: () => wasm.wasm_consent(core),
    withdrawn: () => !!wasm.wasm_withdrawn(core),
    withdraw: (forgets) => wasm.wasm_withdraw(core, forgets),
    flush: () => wasm.wasm_flush(core),
    queued: (seq) => !!wasm.wasm_queued(core, seq),
    stats: () => taken(wasm.wasm_stats(core)),
    close: () => wasm.wasm_close(core),
    woke: () => wasm.wasm_woke(core),
    answered: (id, status, waitMs, body) => wasm.wasm_answered(core, id, status, waitMs, give(body), given),
    page: (what) => wasm.wasm_page(core, what),
    handOver: () => taken(wasm.wasm_handOver(core)),
    ...more?.exports(wasm, core, give, () => given),
  }
}
