// What the build puts together: wasm-bindgen's JavaScript, the host, and the modules' bytes.
declare module 'lamplight:glue' {
  export class Core {
    constructor(
      host: number, url: string, namespace: string, intervalMs: number, maxEvents: number, maxBytes: number,
      storageMaxBytes: number, overflowMaxBytes: number, liveness: boolean, state: string,
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

declare module 'lamplight:whole-glue' {
  export * from 'lamplight:glue'
}

declare module 'lamplight:host' {
  import type { Core } from 'lamplight:glue'
  export const hosts: Host[]
  export class Host {
    constructor(url: string, listener: (name: string, json: string) => boolean | void)
    core: Core
    /** Fetches the whole module; what comes back has it go on from a state. */
    whole: () => Promise<(state: string) => void>
    enter<Result>(act: (core: Core) => Result): Result
  }
}

declare module 'lamplight:wasm' {
  /** A string whose character codes are the module's bytes. */
  const bytes: string
  export default bytes
}

declare module 'lamplight:whole-wasm' {
  export { default } from 'lamplight:wasm'
}
