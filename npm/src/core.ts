// The connection to a client in a module. A page begins with the first client; once the full client
// has loaded, it takes over, invisibly for the page.
import type * as First from 'lamplight:first'
import type * as Full from 'lamplight:full'
import type { Stats } from './generated/reports.ts'
import { messageOf } from './json.ts'
import type { NoteListeners } from './notes.ts'

/** How a client is set up. 0 stands for a default. */
export type Setup = [
  url: string,
  namespace: string,
  liveness: boolean,
  intervalMs: number,
  maxEvents: number,
  maxBytes: number,
  storageMaxBytes: number,
  overflowMaxBytes: number,
]

type Listeners<Start> = Start extends (listener: never, ...setup: infer Rest) => infer Result
  ? (listeners: NoteListeners, ...setup: Rest) => Result
  : never

/** The functions of a module. All but `start` take the client's number first. */
export interface CoreModule {
  start: Listeners<typeof First.client_start>
  track: typeof First.client_track
  context: typeof First.client_context
  identify: typeof First.client_identify
  consent: typeof First.client_consent
  withdraw: typeof First.client_withdraw
  flush: typeof First.client_flush
  queued: typeof First.client_queued
  stats(client: number): string | Stats | undefined
  close: typeof First.client_close
  abandon: typeof First.client_abandon
  /** Of the first client. */
  successorLoaded?: typeof First.client_successor_loaded
  /** Loads the full client for a first client. */
  successor?: () => Promise<typeof import('./full.ts')>
  /** Of the full client. */
  takeOver?: Listeners<typeof Full.client_take_over>
}

type OfClient<Call> = Call extends (client: number, ...args: infer Args) => infer Result
  ? (...args: Args) => Result
  : never

/** A client. What a call returns while the client is busy is said in `sdk-wasm/src/bindings.rs`. */
export type Core = { [Name in keyof Omit<CoreModule, 'start' | 'successor'>]: OfClient<CoreModule[Name]> }

interface Zone {
  run<Result>(work: () => Result): Result
}

/**
 * What is outside of Angular's zone, if the page has one. An application does not become stable
 * while a timer or a request of its zone is pending, so calls are run outside of it.
 */
const rootZone = (): Zone | undefined => (globalThis as { Zone?: { root?: Zone } }).Zone?.root

/**
 * Starts a client that reports to `listeners`. `consent` is the page's answer, if it gives one.
 */
export function open(module: CoreModule, setup: Setup, consent: boolean | undefined, listeners: NoteListeners): Core {
  let number = 0
  listeners.load = () => {
    module
      .successor?.()
      .then(async (chunk) => {
        const full = await chunk.full
        listeners.takeOver = (state, releaseLock) => {
          number = full.takeOver(listeners, state, releaseLock, ...setup)
          module = full
        }
        listeners.run(() => module.successorLoaded?.(number))
      })
      // The first client continues, and asks again. But a service worker can never load it.
      .catch((error) =>
        listeners.emit('error', {
          message: `failed to load the full client: ${messageOf(error)}; service workers need lamplight/worker`,
        }),
      )
  }
  const start = () => module.start(listeners, consent, ...setup)
  number = rootZone()?.run(start) ?? start()
  const core: Record<string, unknown> = {}
  // Calls go to the client that is current at that time. None has more than three arguments.
  for (const name in module)
    core[name] = (a: never, b: never, c: never) => {
      const zone = rootZone()
      return zone ? zone.run(() => module[name as 'track'](number, a, b, c)) : module[name as 'track'](number, a, b, c)
    }
  return core as unknown as Core
}
