// A thin layer over the module: it has no timers, retries, storage or queue.

import { Context } from './context.ts'
import { type Core, type CoreModule, open, type Setup } from './core.ts'
import { Gate } from './gate.ts'
import { TRACK_OUTCOMES } from './generated/codes.ts'
import { inside, messageOf, objectJson } from './json.ts'
import { namespaceOf } from './namespace.ts'
import { NoteListeners } from './notes.ts'
import { addressOf, CONSENTS, isConsent } from './options.ts'
import { statsOf } from './stats.ts'
import { ascii, encoder } from './text.ts'
import type {
  Consent,
  Draft,
  Lamplight,
  MetricOptions,
  Monitor,
  Notes,
  Options,
  Plugin,
  Properties,
  Reason,
  Report,
  Stats,
  Tracked,
  TrackOptions,
} from './types.ts'
import { recordCalls } from './without_wasm/pending_calls.ts'

export class Client implements Lamplight {
  readonly #listeners: NoteListeners
  readonly #gate: Gate
  readonly #context: Context
  /** Starts the module's client. `consent` is whether this call gives or withdraws consent. */
  readonly #start: (consent?: boolean) => void
  /**
   * Undefined where there is no page or worker, while there is no consent, and after the client has
   * ended.
   */
  #core: Core | undefined
  /** The id that `identify` set, possibly before there was consent. */
  #id = ''
  #lastError: string | undefined
  #lastStats: Parameters<NoteListeners['closed']>[0] = ''
  #isClosed = false

  /** `load` throws where WebAssembly is forbidden. */
  constructor(options: Options, load: () => CoreModule | undefined) {
    const url = addressOf(options)
    this.#gate = new Gate(options)
    this.#listeners = new NoteListeners(options.beforeSend, () => {
      this.#gate.consent = 'denied'
      this.#context.forget()
    })
    this.#listeners.consent = options.consent
    const { intervalMs, maxEvents, maxBytes, liveness, storage } = options
    const namespace = ascii(options.namespace || namespaceOf(url))
    this.#context = new Context(options, namespace)
    // The module takes what is not given as 0, its default.
    const limits = [intervalMs, maxEvents, maxBytes, storage?.maxBytes, storage?.overflowMaxBytes]
    const setup = [url, namespace, liveness !== 'beat', ...limits] as Setup
    // Bound, because methods are called without their object, or on a proxy of it, which has no
    // private fields. What the page's values throw, such as a getter, is the page's error.
    for (const name of Object.getOwnPropertyNames(Client.prototype).slice(1) as 'track'[]) {
      const method = this[name]
      this[name] = (...given) => {
        try {
          return method.apply(this, given)
        } catch (error) {
          this.#listeners.emit('error', { message: `${name}: ${messageOf(error)}` })
          return lost('invalid')
        }
      }
    }
    this.#listeners.run = (work) => this.#safely(work)
    this.#listeners.closed = (stats) => {
      this.#core = undefined
      if (!this.#isClosed) this.#lastStats = stats
      this.#isClosed = true
    }
    this.#start = (consent) => {
      const opened = (module: CoreModule) => (this.#core = open(module, setup, consent, this.#listeners))
      if (!options.namespace) namespaceOf(url, namespace)
      try {
        const module = load()
        if (module) opened(module)
      } catch (cause) {
        // Where a policy forbids WebAssembly, WebKit still compiles modules, and refuses to
        // instantiate them.
        this.#core = recordCalls(cause, opened, this.#gate, (message) => this.#fail(message))
      }
    }
    if (this.#gate.consent === 'pending') return
    this.#safely(() => {
      // Without the option, the module uses the decision that an earlier page stored.
      this.#start(options.consent && options.consent === 'granted')
      this.#name()
    })
  }

  track(name: string, properties?: Properties, options?: TrackOptions): Tracked {
    return this.#pass({ ts: Date.now(), ...options, name, properties })
  }

  page(properties?: Properties, options?: TrackOptions): Tracked {
    const { href: url, pathname: path } = globalThis.location ?? {}
    const { title, referrer } = globalThis.document ?? {}
    return this.track('page', { url, path, title, referrer, ...properties }, options)
  }

  increment(metric: string, by = 1, options?: MetricOptions): Tracked {
    return this.#metric('increment', metric, by, options)
  }

  gauge(metric: string, value: number, options?: MetricOptions): Tracked {
    return this.#metric('gauge', metric, value, options)
  }

  timing(metric: string, ms: number, options?: MetricOptions): Tracked {
    return this.#metric('timer', metric, ms, options)
  }

  timer(metric: string, options?: MetricOptions): () => Tracked {
    const clock = globalThis.performance ?? Date
    const startedMs = clock.now()
    return () => this.timing(metric, clock.now() - startedMs, options)
  }

  identify(id: string | number, traits?: Properties, options?: TrackOptions): Tracked {
    const trimmed = typeof id === 'string' ? id.trim() : Number.isFinite(id) ? String(id) : ''
    if (!trimmed) {
      // This is no reset: usually the page called before it knew the id.
      this.#listeners.emit('error', { message: `identify: '${messageOf(id)}' is not an id` })
      return lost('invalid')
    }
    this.#id = trimmed
    this.#safely(() => this.#name())
    return this.track('identify', traits, options)
  }

  reset(): void {
    this.#id = ''
    this.#context.forget()
    this.#do(() => this.#core?.identify(''))
    this.#safely(() => this.#name())
  }

  setConsent(consent: Consent): void {
    if (!isConsent(consent)) {
      this.#listeners.emit('error', { message: `setConsent: '${messageOf(consent)}' must be ${CONSENTS}` })
      return
    }
    if (consent === 'denied') {
      this.#withdraw(false)
      return
    }
    this.#listeners.consent = this.#gate.consent = consent
    if (consent === 'pending') return
    const waiting = this.#gate.takePending()
    this.#safely(() => {
      if (this.#core) this.#do(() => this.#core?.consent())
      else this.#start(true)
      this.#name()
      for (const draft of waiting) this.#pass(draft)
    })
    this.#closeAgain()
  }

  forget(): void {
    this.#id = ''
    this.#withdraw(true)
  }

  use({ name, setup, beforeEnqueue }: Plugin): void {
    try {
      if (beforeEnqueue) this.#gate.add(beforeEnqueue)
      setup?.(this)
    } catch (error) {
      this.#listeners.emit('error', { message: `plugin '${name}': ${messageOf(error)}` })
    }
  }

  flush(): Promise<Report> {
    const flushed = this.#listeners.whenFlushed()
    if (this.#core) this.#do(() => this.#core?.flush())
    else this.#nothingSent()
    return flushed
  }

  delivered(id: string): Promise<void> {
    const [producer, seq] = messageOf(id).split('-')
    if (!this.#core || !producer || producer !== this.#listeners.producer)
      return Promise.reject(new Error(`event '${messageOf(id)}' is not of this page`))
    const isDelivered = this.#safely(() => this.#core?.queued(Number(seq))) === false
    return isDelivered ? Promise.resolve() : this.#listeners.whenDelivered(id)
  }

  stats(): Stats {
    return statsOf(
      this.#listeners.producer,
      this.#safely(() => this.#core?.stats()) ?? this.#lastStats,
      this.#lastError,
    )
  }

  on<Name extends keyof Notes>(name: Name, listener: (note: Notes[Name]) => void): () => void {
    if (typeof listener === 'function') return this.#listeners.on(name, listener)
    this.#listeners.emit('error', { message: `on: '${messageOf(listener)}' is not a function` })
    return () => {}
  }

  close(): void {
    this.#do(() => this.#core?.close())
  }

  /**
   * With consent, stores the first page and the id that `identify` set, even if no event is kept.
   */
  #name(): void {
    if (this.#gate.consent !== 'granted') return
    this.#context.learn()
    const id = this.#core && ascii(inside(this.#id))
    if (id) this.#do(() => this.#core?.identify(id))
  }

  #withdraw(forgets: boolean): void {
    this.#listeners.consent = this.#gate.consent = 'denied'
    this.#gate.takePending()
    this.#safely(() => {
      // Needed without consent, too: an earlier page may have stored something.
      if (!this.#core) this.#start(false)
    })
    this.#do(() => this.#core?.withdraw(forgets))
    this.#closeAgain()
  }

  /** Ends the client that a decision about consent started after `close()`. */
  #closeAgain(): void {
    if (this.#isClosed) this.close()
  }

  #metric(kind: Monitor['kind'], metric: string, value: number, options: MetricOptions = {}): Tracked {
    const { properties, unit, tags, ...rest } = options
    return this.track(metric, properties, { ...rest, monitor: { kind, value, unit, tags } as Monitor })
  }

  /** Records an event if consent, sampling and hooks allow it. */
  #pass(draft: Draft): Tracked {
    const report = (message: string) => this.#listeners.emit('error', { message: `track('${draft.name}'): ${message}` })
    const kept = this.#gate.pass(draft, report)
    return typeof kept === 'string' ? lost(kept) : this.#keep(kept, report)
  }

  #keep(draft: Draft, report: (message: string) => void): Tracked {
    const core = this.#core
    if (!core) return lost(this.#isClosed ? 'closed' : 'unavailable')
    const { name, ts, properties, type = '', user, monitor } = draft
    if (!name) report(`the name is empty; the event is kept as 'unnamed'`)
    const context = this.#context.changed()
    const json = context && ascii(objectJson(context, report))
    if (json) this.#do(() => core.context(json))
    const title = messageOf(name)
    const parts = `${objectJson(properties, report)}\n${objectJson(user, report)}\n${objectJson(monitor, report)}\n${inside(messageOf(type))}\n${inside(title)}`
    // A title of at most 66 UTF-16 units has at most 198 bytes, so only longer ones need counting.
    const bytes = title.length > 66 ? encoder.encode(title).length : 0
    const packed = this.#safely(() => core.track(ts, ascii(parts), bytes)) as number
    const seq = Math.floor(packed / 8)
    const outcome = TRACK_OUTCOMES[packed % 8]
    const reason = outcome === 'stored' ? undefined : outcome
    // The call came from inside the module: the page replaced a web API by one that tracks.
    if (reason === 'busy') this.#later(() => this.#keep(draft, report).reason !== 'busy')
    // There is neither a code nor a number while calls are recorded for the translated client.
    if (!seq) return lost(reason ?? (this.#core ? 'loading' : 'unavailable'))
    const made = { id: `${this.#listeners.producer}-${seq}`, seq, stored: !reason }
    return reason ? { ...made, reason } : made
  }

  /**
   * Calls the module; again in a microtask if the client is busy, because the page replaced a web
   * API that it uses by one that calls us.
   */
  #do(call: () => boolean | undefined): void {
    if (this.#safely(call) === false) this.#later(call)
  }

  /** In a microtask, no call is under way. So a client that is busy then has failed. */
  #later(call: () => boolean | undefined): void {
    Promise.resolve().then(() =>
      this.#safely(() => {
        if (call() === false) throw Error('the client stopped unexpectedly')
      }),
    )
  }

  /** Never breaks the page: an error in the module ends the client, and the caller goes on. */
  #safely<Result>(act: () => Result): Result | undefined {
    try {
      return act()
    } catch (error) {
      this.#fail(messageOf(error))
      return undefined
    }
  }

  #fail(message: string): void {
    this.#lastError = message
    const core = this.#core
    this.#core = undefined
    try {
      core?.abandon()
    } catch {}
    this.#nothingSent()
    this.#listeners.emit('error', { message })
  }

  #nothingSent(): void {
    this.#listeners.flushed(0, 0)
  }
}

function lost(reason: Reason): Tracked {
  return { id: '', seq: 0, stored: false, reason }
}
