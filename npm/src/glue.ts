// Connects the module with the functions that it imports. It is written by hand because
// wasm-bindgen's JavaScript for the same few functions is three times as long.
//
// It follows the calling convention of wasm-bindgen 0.2.130: a text is passed to the module as its
// address and length in memory that the module frees, and comes back as both, valid during the
// call. The build replaces every `wasm_…` with the short name that it has in the module.
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
/** Instantiates a module, compiled or translated to JavaScript. */
export type Make = (imports: Imports) => Exports

/** The imports and exports that only a full client has. */
export interface FullGlue {
  imports(
    host: Host,
    readText: (at: number, bytes: number) => string,
    passTextTo: (to: number, text: string) => void,
  ): Imports
  /** `passText` passes a text and returns its address; `passedBytes()` is then its length. */
  exports(
    wasm: Exports,
    passText: (text: string) => number,
    passedBytes: () => number,
  ): Required<Pick<Core, 'alive' | 'overflowDone'>>
}

/** An option; `undefined` becomes 0, which means the default. */
type OptionValue = number | undefined

/**
 * How a client is set up. 0 stands for a default. `consent` is 1 if the page says that the user
 * consents, 2 if it says that the user does not, otherwise 0.
 */
export type Setup = [
  url: string,
  namespace: string,
  intervalMs: OptionValue,
  maxEvents: OptionValue,
  maxBytes: OptionValue,
  storageMaxBytes: OptionValue,
  overflowMaxBytes: OptionValue,
  liveness: boolean,
  consent: number,
]

export const [encoder, decoder] = [new TextEncoder(), new TextDecoder()]

/** Instantiates a compiled module. */
export const instanceOf =
  (module: WebAssembly.Module): Make =>
  (imports) =>
    new WebAssembly.Instance(module, { wasm_imports: imports }).exports as unknown as Exports

/**
 * Starts a client on `host`, in an instance that `make` creates. It continues from `state` if
 * another client handed that over.
 */
export function start(make: Make, host: Host, setup: Setup, state: string, fullGlue?: FullGlue): Core {
  /** The length of the text that was passed last. */
  let passedBytes = 0
  const memory = (at: number, bytes: number) => new Uint8Array(wasm.memory.buffer, at, bytes)
  const readText = (at: number, bytes: number) => decoder.decode(memory(at, bytes))
  const passText = (text: string): number => {
    passedBytes = text.length
    if (!passedBytes) return 1
    const at = wasm.wasm_malloc(passedBytes, 1)
    // Nearly all texts are ASCII and are written into place at once.
    if (encoder.encodeInto(text, memory(at, passedBytes)).read === passedBytes) return at
    wasm.wasm_free(at, passedBytes, 1)
    // Other texts are escaped. JSON keeps its meaning, and storage needs one byte per character.
    return passText(text.replace(/[^\0-\x7f]/g, (unit) => `\\u${(unit.charCodeAt(0) + 0x10000).toString(16).slice(1)}`))
  }
  /**
   * Passes a text by writing its address and length where the module looks for them; address 0
   * means none.
   */
  const passTextTo = (to: number, text: string | null | undefined) => {
    const at = text == null ? 0 : passText(text)
    new Uint32Array(wasm.memory.buffer, to).set([at, passedBytes])
  }
  const returned = (call: () => void) => {
    host.returnedText = ''
    call()
    return host.returnedText
  }
  const wasm = make({
    wasm_throw: (at: number, bytes: number) => {
      throw Error(readText(at, bytes))
    },
    wasm_get: (to: number, _: number, at: number, bytes: number) => passTextTo(to, host.get(readText(at, bytes))),
    wasm_sizeExcluding: (_: number, at: number, bytes: number, own: number, ownBytes: number) =>
      host.sizeExcluding(readText(at, bytes), readText(own, ownBytes)),
    wasm_set: (_: number, key: number, keyBytes: number, at: number, bytes: number) =>
      host.set(readText(key, keyBytes), readText(at, bytes)),
    wasm_setNumbered: (_: number, number: number, at: number, bytes: number) =>
      host.setNumbered(number, readText(at, bytes)),
    wasm_setEventPrefix: (_: number, at: number, bytes: number) => host.setEventPrefix(readText(at, bytes)),
    wasm_remove: (_: number, at: number, bytes: number) => host.remove(readText(at, bytes)),
    wasm_wallMs: () => Date.now(),
    wasm_monotonicMs: () => performance.now(),
    wasm_randomBits: () => crypto.getRandomValues(new Uint32Array(1))[0],
    wasm_setTimer: (_: number, waitMs: number) => host.setTimer(waitMs),
    wasm_note: (_: number, kind: number, first: number, second: number, at: number, bytes: number) =>
      host.note(kind, first, second, readText(at, bytes)),
    wasm_returnText: (_: number, at: number, bytes: number) => {
      host.returnedText = readText(at, bytes)
    },
    wasm_postRequest: (_: number, id: number, at: number, bytes: number, keepalive: number) =>
      host.postRequest(id, readText(at, bytes), !!keepalive),
    wasm_abort: (_: number, id: number) => host.abort(id),
    wasm_holdLock: (_: number, at: number, bytes: number) => host.holdLock(readText(at, bytes)),
    wasm_releaseLock: () => host.releaseLock(),
    wasm_loadFullClient: () => host.loadFullClient(),
    ...fullGlue?.imports(host, readText, passTextTo),
  })
  const [, namespace, ...options] = setup
  wasm.wasm_start(0, passText(namespace), passedBytes, ...options, passText(state), passedBytes)
  return {
    track: (ts, parts, nameBytes) => wasm.wasm_track(ts, passText(parts), passedBytes, nameBytes),
    context: (json) => wasm.wasm_context(passText(json), passedBytes),
    identify: (id) => wasm.wasm_identify(passText(id), passedBytes),
    consent: wasm.wasm_consent,
    withdraw: wasm.wasm_withdraw,
    flush: wasm.wasm_flush,
    queued: (seq) => !!wasm.wasm_queued(seq),
    stats: () => returned(wasm.wasm_stats),
    close: wasm.wasm_close,
    timerFired: wasm.wasm_timerFired,
    answered: (id, status, waitMs, body) => wasm.wasm_answered(id, status, waitMs, passText(body), passedBytes),
    page: wasm.wasm_page,
    handOver: () => returned(wasm.wasm_handOver),
    ...fullGlue?.exports(wasm, passText, () => passedBytes),
  }
}
