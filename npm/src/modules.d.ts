// Modules that the build provides: the host, which is JavaScript because the Rust module's own
// tests use it too, and the bytes of the WebAssembly modules.
declare module 'lamplight:host' {
  /** A client in a module. */
  export interface Core {
    /**
     * `parts` has one line each for the JSON of `properties`, `user` and `monitor`, and for type
     * and name as they appear inside a JSON string.
     */
    track(ts: number, parts: string, nameBytes: number): number
    context(json: string): void
    identify(id: string): void
    consent(): void
    withdraw(forgets: boolean): void
    flush(): void
    queued(seq: number): boolean
    stats(): string
    close(): void
    timerFired(): void
    answered(id: number, status: number, waitMs: number, body: string): void
    page(what: number): void
    handOver(): string
    /** Only the full client has these. */
    alive?(locks: string): void
    overflowDone?(id: number, isDone: boolean, text: string): void
  }

  /**
   * Gets every note, as the numbers and the text of `sdk-wasm/src/notes.rs`; and before a batch is
   * sent `6` with its bytes, where `false` defers the batch.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: `beforeSend` may return nothing.
  export type Listener = (kind: number, first: number, second?: number, text?: string) => boolean | void

  export class Host {
    constructor(url: string, listener: Listener)
    core: Core
    /** This page's producer, once a client has started. */
    producer: string
    /** The text that the module last returned. */
    returnedText: string
    /** Fetches the full client; the returned function continues from a state with it. */
    fetchFullClient: () => Promise<(state: string) => void>
    /** Calls the method of this name on the module's client. */
    enter(name: string, a?: unknown, b?: unknown, c?: unknown, d?: unknown): unknown
    get(key: string): string | null | undefined
    set(key: string, value: string): number
    setNumbered(number: number, value: string): number
    setEventPrefix(prefix: string): void
    remove(key: string): void
    keys(prefix: string): string
    sizeExcluding(prefix: string, own: string): number
    setTimer(waitMs: number): void
    note(kind: number, first: number, second: number, text: string): void
    postRequest(id: number, body: string, keepalive: boolean): void
    abort(id: number): void
    holdLock(name: string): void
    releaseLock(): void
    loadFullClient(): void
  }

  export function landing(namespace: string, here?: object): Record<string, unknown> | undefined
  export function listLocks(host: Host): void
  export function reportOverflow(host: Host, id: number, promise: Promise<string>): void
}

declare module 'lamplight:overflow' {
  export function overflow(database: string, what: number, key: string, text: string): Promise<string>
}

declare module 'lamplight:wasm' {
  /** The module, encoded as text: see `decodeModule`. */
  const bytes: string
  export default bytes
}

declare module 'lamplight:full-wasm' {
  export { default } from 'lamplight:wasm'
}

declare module 'lamplight:decoder' {
  export { default } from 'lamplight:wasm'
}

declare module 'lamplight:translated' {
  /** Makes an instance of the full client's module, translated to JavaScript. */
  export default function instantiate(imports: Record<string, unknown>): unknown
}
