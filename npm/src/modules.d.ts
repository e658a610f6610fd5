// What the build puts together: wasm-bindgen's JavaScript, and the module's bytes.
declare module 'lamplight:glue' {
  export class Handle {
    constructor(
      url: string, namespace: string, intervalMs: number, maxEvents: number, maxBytes: number,
      storageMaxBytes: number, overflowMaxBytes: number, liveness: boolean, listener: (name: string, json: string) => boolean | void,
    )
    producer(): string
    track(name: string, ts: number, properties: string, type: string, user: string, monitor: string): number
    context(json: string): void
    identify(id: string): void
    consent(): void
    withdrawn(): boolean
    withdraw(forgets: boolean): void
    flush(): void
    queued(seq: number): boolean
    stats(): string
    close(): void
  }
  export function initSync(options: { module: BufferSource | WebAssembly.Module }): unknown
}

declare module 'lamplight:wasm' {
  /** A string whose character codes are the module's bytes. */
  const bytes: string
  export default bytes
}
