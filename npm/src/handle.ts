// A client in the module, as the page's code holds it. A page begins with the first module; when the whole one has been
// fetched, it takes over, and nobody notices.
import { Core } from 'lamplight:glue'
import { Host, hosts } from 'lamplight:host'

export class Handle {
  readonly #host: Host

  /** Numbers that are 0 and texts that are empty stand for the defaults. `listener` hears every note as `(name, json)`. */
  constructor(
    url: string, namespace: string, intervalMs: number, maxEvents: number, maxBytes: number, storageMaxBytes: number,
    overflowMaxBytes: number, liveness: boolean, listener: (name: string, json: string) => boolean | void,
  ) {
    const host = new Host(url, listener)
    const at = hosts.push(host) - 1
    const start = (Class: typeof Core, state: string) => {
      host.core = new Class(at, url, namespace, intervalMs, maxEvents, maxBytes, storageMaxBytes, overflowMaxBytes, liveness, state)
    }
    host.whole = async () => {
      const { load } = await import('./whole.js')
      const Whole = await load(at, host)
      return (state) => start(Whole, state)
    }
    start(Core, '')
    this.#host = host
  }

  producer(): string {
    return this.#host.enter((core) => core.producer())
  }

  track(name: string, ts: number, properties: string, type: string, user: string, monitor: string): number {
    return this.#host.enter((core) => core.track(name, ts, properties, type, user, monitor))
  }

  context(json: string): void {
    this.#host.enter((core) => core.context(json))
  }

  identify(id: string): void {
    this.#host.enter((core) => core.identify(id))
  }

  consent(): void {
    this.#host.enter((core) => core.consent())
  }

  withdrawn(): boolean {
    return this.#host.enter((core) => core.withdrawn())
  }

  withdraw(forgets: boolean): void {
    this.#host.enter((core) => core.withdraw(forgets))
  }

  flush(): void {
    this.#host.enter((core) => core.flush())
  }

  queued(seq: number): boolean {
    return this.#host.enter((core) => core.queued(seq))
  }

  stats(): string {
    return this.#host.enter((core) => core.stats())
  }

  close(): void {
    this.#host.enter((core) => core.close())
  }
}
