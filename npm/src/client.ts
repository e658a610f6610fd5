// A thin layer over the module: it has no timers, retries, storage or queue.

import { address, brief } from './address.ts'
import { bindMethods } from './bound_methods.ts'
import { Context } from './context.ts'
import { type Core, type CoreModule, open, type Setup } from './core.ts'
import { idOf, partsOf, timeOf } from './event_parts.ts'
import { fetchWarnings } from './fetch_warnings.ts'
import { Gate } from './gate.ts'
import { TRACK_OUTCOMES } from './generated/codes.ts'
import { inside, messageOf, objectJson } from './json.ts'
import { lost } from './lost.ts'
import { namespaceOf } from './namespace.ts'
import { NoteListeners } from './notes.ts'
import { addressOf, CONSENTS, isConsent } from './options.ts'
import { statsOf } from './stats.ts'
import { ascii } from './text.ts'
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
  Report,
  Stats,
  Tracked,
  TrackOptions,
} from './types.ts'
import { fetchTranslated } from './without_wasm/fetch_translated.ts'
import { CONSENT, LASTING, OF_USER, type WaitingCall } from './without_wasm/pending_calls.ts'

/** Most calls that wait. Newer events are dropped. */
const WAITING_MAX = 1_000

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
  /**
   * The calls that wait for consent, or for the translated client. An event waits as its text, so
   * that later changes of its properties, of the user or of the page's address do not change it.
   */
  readonly #waiting: WaitingCall[] = []
  #isLoading = false
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
    // On the developer's own machine. The chunk looks at the host more closely.
    if (options.debug ?? /localhost$|^127|::1/.test(globalThis.location?.hostname))
      this.#listeners.warn = fetchWarnings().then(
        ({ warnings }) => warnings(options, url, this.#listeners),
        // Without the chunk, notes are ignored.
        () => Boolean,
      )
    this.#listeners.consent = options.consent
    const { intervalMs, maxEvents, maxBytes, liveness, storage } = options
    const namespace = ascii(options.namespace || namespaceOf(url))
    this.#context = new Context(options, namespace)
    // The module takes what is not given as 0, its default.
    const limits = [intervalMs, maxEvents, maxBytes, storage?.maxBytes, storage?.overflowMaxBytes]
    const setup = [url, namespace, liveness !== 'beat', ...limits] as Setup
    bindMethods(this, Client.prototype, (message) => this.#error(message))
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
        this.#isLoading = true
        fetchTranslated()
          .then(({ translated, replay }) => {
            this.#isLoading = false
            replay(
              () => opened(translated),
              this.#gate,
              this.#waiting.splice(0),
              (...call) => this.#do(...call),
            )
          })
          .catch((error) =>
            this.#fail(`${messageOf(cause)}; allow 'wasm-unsafe-eval' in script-src. ${messageOf(error)}`),
          )
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
    return this.#track(name, options, properties)
  }

  page(properties?: Properties, options?: TrackOptions): Tracked {
    return this.#track('page', options, undefined, () => {
      const { place } = this.#context
      const { title, referrer } = globalThis.document ?? {}
      // A long text would become as many members.
      const given = typeof properties === 'object' ? properties : { value: properties }
      const here = {
        url: place && address(place),
        path: brief(place?.pathname),
        title: brief(title),
        referrer: brief(referrer),
      }
      return { properties: { ...here, ...given } }
    })
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
    const text = idOf(id)
    if (!text) {
      // This is no reset: usually the page called before it knew the id.
      this.#error(`identify: '${messageOf(id).slice(0, 99)}' is not an id`)
      return lost('invalid')
    }
    this.#id = text
    this.#safely(() => this.#name())
    return this.track('identify', traits, options)
  }

  reset(): void {
    this.#id = ''
    this.#context.forget()
    this.#do((core) => core.identify(''), LASTING)
    this.#safely(() => this.#name())
  }

  setConsent(consent: Consent): void {
    if (!isConsent(consent)) {
      this.#error(`setConsent: '${messageOf(consent)}' must be ${CONSENTS}`)
      return
    }
    if (consent === 'denied') {
      this.#withdraw(false)
      return
    }
    this.#listeners.consent = this.#gate.consent = consent
    if (consent === 'pending') return
    this.#safely(() => {
      if (this.#hasCore) this.#do((core) => core.consent(), CONSENT)
      else this.#start(true)
      for (const call of this.#waiting.splice(0)) this.#do(...call)
      this.#name()
    })
    this.#closeAgain()
  }

  forget(): void {
    this.#id = ''
    this.#withdraw(true)
  }

  use(plugin: Plugin): void {
    let name: unknown
    try {
      name = plugin.name
      if (plugin.beforeEnqueue) this.#gate.add((event) => (plugin as Required<Plugin>).beforeEnqueue(event))
      plugin.setup?.(this)
    } catch (error) {
      this.#error(`plugin '${messageOf(name)}': ${messageOf(error)}`)
    }
  }

  flush(): Promise<Report> {
    const flushed = this.#listeners.whenFlushed()
    if (this.#hasCore) this.#do((core) => core.flush())
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
    this.#error(`on: '${messageOf(listener)}' is not a function`)
    return () => {}
  }

  close(): void {
    this.#do((core) => core.close())
  }

  /** Makes a call that was made earlier, when the page had this address. */
  callAt(href: string | undefined, call: () => void): void {
    this.#context.at = href
    try {
      call()
    } finally {
      this.#context.at = undefined
    }
  }

  /** Whether there is a client, or one is loading. */
  get #hasCore(): boolean {
    return this.#isLoading || !!this.#core
  }

  /**
   * With consent, stores the first page and the id that `identify` set, even if no event is kept.
   */
  #name(): void {
    const { consent } = this.#gate
    if (consent === 'denied') return
    if (consent === 'granted') this.#context.learn()
    const id = inside(this.#id)
    if (id) this.#do((core) => core.identify(id), OF_USER)
  }

  #withdraw(forgets: boolean): void {
    this.#listeners.consent = this.#gate.consent = 'denied'
    const lasting = this.#waiting.splice(0).filter(([, kind]) => kind !== OF_USER && kind !== CONSENT)
    this.#safely(() => {
      // Needed without consent, too: an earlier page may have stored something.
      if (!this.#hasCore) this.#start(false)
    })
    this.#do((core) => core.withdraw(forgets))
    for (const call of lasting) this.#do(...call)
    this.#closeAgain()
  }

  /** Ends the client that a decision about consent started after `close()`. */
  #closeAgain(): void {
    if (this.#isClosed) this.close()
  }

  #metric(kind: Monitor['kind'], metric: string, value: number, options?: MetricOptions): Tracked {
    return this.#track(metric, options, undefined, () => {
      const { properties, unit, tags } = options ?? {}
      return { properties, monitor: { kind, value, unit, tags } as Monitor }
    })
  }

  /**
   * Records an event if consent, sampling and hooks allow it. Options, `make` and hooks may throw,
   * because they are the page's code: that ends this event, not the client.
   */
  #track(
    name: string,
    options: TrackOptions | undefined,
    properties?: Properties,
    make?: () => Pick<Draft, 'properties' | 'monitor'>,
  ): Tracked {
    const report = (message: string) => this.#error(`track('${messageOf(name).slice(0, 99)}'): ${message}`)
    try {
      const { ts, type, user, monitor } = options ?? {}
      const draft = { name, ts: timeOf(ts), properties, type, user, monitor } as Draft
      if (make) Object.assign(draft, make())
      const kept = this.#gate.pass(draft, report)
      return typeof kept === 'string' ? lost(kept) : this.#keep(kept, report)
    } catch (error) {
      report(messageOf(error))
      return lost('invalid')
    }
  }

  #keep(draft: Draft, report: (message: string) => void): Tracked {
    const [ts, text, nameBytes] = partsOf(draft, report)
    const isPending = this.#gate.consent === 'pending'
    if (!isPending && !this.#hasCore) return lost(this.#isClosed ? 'closed' : 'unavailable')
    if (this.#waiting.length >= WAITING_MAX) {
      report(`dropped, because ${WAITING_MAX} calls wait`)
      return lost('quota')
    }
    const context = this.#context.changed()
    const json = context && (objectJson('context', context, report) ?? '')
    if (json !== undefined) this.#do((core) => core.context(this.#context.withFirstPage(json)), LASTING)
    let packed = Number.NaN
    // The client is busy when the call came from inside the module: the page replaced a web API by
    // one that tracks.
    this.#do((core) => {
      packed = core.track(ts, text, nameBytes)
      return TRACK_OUTCOMES[packed % 8] !== 'busy'
    }, OF_USER)
    const seq = Math.floor(packed / 8)
    const outcome = TRACK_OUTCOMES[packed % 8]
    const reason = outcome === 'stored' ? undefined : outcome
    // There is neither a code nor a number while calls wait.
    if (!seq) return lost(reason ?? (isPending ? 'consent_pending' : this.#isLoading ? 'loading' : 'unavailable'))
    const made = { id: `${this.#listeners.producer}-${seq}`, seq, stored: !reason }
    return reason ? { ...made, reason } : made
  }

  /**
   * Calls the module, or lets the call wait. Calls it again in a microtask if the client is busy,
   * because the page replaced a web API that it uses by one that calls us.
   */
  #do(call: WaitingCall[0], kind?: number): void {
    const act = () => this.#core && call(this.#core)
    if (this.#isLoading || (kind && this.#gate.consent === 'pending')) this.#waiting.push([call, kind])
    else if (this.#safely(act) === false)
      Promise.resolve().then(() =>
        this.#safely(() => {
          // No call is under way. So a client that is busy then has failed.
          if (act() === false) throw Error('the client stopped unexpectedly')
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
    this.#isLoading = false
    const core = this.#core
    this.#core = undefined
    try {
      core?.abandon()
    } catch {}
    this.#nothingSent()
    this.#error(message)
  }

  #error(message: string): void {
    this.#listeners.emit('error', { message })
  }

  #nothingSent(): void {
    this.#listeners.flushed(0, 0)
  }
}
