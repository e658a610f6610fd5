// What the build puts together: the host, which is JavaScript for the module's own tests too, and the modules' bytes.
declare module 'lamplight:host' {
  /** A client in a module. */
  export interface Core {
    /** `parts` has, each on a line of its own, the JSON of `properties`, `user` and `monitor`, and the type and the name as they stand inside a JSON string. */
    track(ts: number, parts: string, nameBytes: number): number
    context(json: string): void
    identify(id: string): void
    consent(): void
    withdraw(forgets: boolean): void
    flush(): void
    queued(seq: number): boolean
    stats(): string
    close(): void
    woke(): void
    answered(id: number, status: number, waitMs: number, body: string): void
    page(what: number): void
    handOver(): string
    /** These are of whole clients only. */
    alive?(locks: string): void
    worked?(id: number, isDone: boolean, text: string): void
  }

  /** Hears every note, as the numbers and the text of `sdk-wasm/src/notes.rs`; and `6` with its bytes when a batch is about to be sent, which `false` holds back. */
  // biome-ignore lint/suspicious/noConfusingVoidType: `beforeSend` may return nothing.
  export type Listener = (kind: number, first: number, second?: number, text?: string) => boolean | void

  export class Host {
    constructor(url: string, listener: Listener)
    core: Core
    /** This page's producer, once a client has started. */
    producer: string
    /** What the module last said. */
    said: string
    /** Fetches the whole module; what comes back has it go on from a state. */
    whole: () => Promise<(state: string) => void>
    /** Calls what the module's client has under this name. */
    enter(name: string, a?: unknown, b?: unknown, c?: unknown, d?: unknown): unknown
    get(key: string): string | null | undefined
    set(key: string, value: string): number
    setNumbered(number: number, value: string): number
    prefix(prefix: string): void
    remove(key: string): void
    keys(prefix: string): string
    sizeBesides(prefix: string, own: string): number
    wake(waitMs: number): void
    note(kind: number, first: number, second: number, text: string): void
    post(id: number, body: string, keepalive: boolean): void
    abort(id: number): void
    hold(name: string): void
    release(): void
    grow(): void
  }

  export function landing(namespace: string, here?: object): Record<string, unknown> | undefined
  export function lookAt(host: Host): void
  export function tellOf(host: Host, id: number, promise: Promise<string>): void
}

declare module 'lamplight:overflow' {
  export function overflow(database: string, what: number, key: string, text: string): Promise<string>
}

declare module 'lamplight:wasm' {
  /** The module, packed: see `unpacked`. */
  const bytes: string
  export default bytes
}

declare module 'lamplight:whole-wasm' {
  export { default } from 'lamplight:wasm'
}

declare module 'lamplight:unpacker' {
  export { default } from 'lamplight:wasm'
}

declare module 'lamplight:translated' {
  /** Makes an instance of the whole module, translated to JavaScript. */
  export default function instantiate(imports: Record<string, unknown>): unknown
}
