// A thin layer over the module: it has no timers, retries, storage or queue.

import type { Core } from 'lamplight:host'
import { Context } from './context.ts'
import { Gate } from './gate.ts'
import { encoder, type FullGlue, type Make, type Setup } from './glue.ts'
import { open } from './handle.ts'
import { inside, messageOf, objectJson } from './json.ts'
import { namespaceOf } from './namespace.ts'
import { NoteListeners } from './notes.ts'
import { addressOf, CONSENTS, isConsent } from './options.ts'
import { statsOf } from './stats.ts'
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

/** Why an event is not in localStorage, by the code that the module returns. */
const REASONS: (Reason | undefined)[] = [
  undefined,
  'storage_full',
  'storage_blocked',
  'storage_share',
  'quota',
  'too_large',
  'closed',
  'busy',
]

export class Client implements Lamplight {
  readonly #listeners: NoteListeners
  readonly #gate: Gate
  readonly #context: Context
  /** Starts the module's client, with 1 if this call gives consent, or 2 if it withdraws it. */
  readonly #start: (consent: number) => void
  /**
   * Undefined where there is no page or worker, while there is no consent, and after the module
   * failed.
   */
  #handle: Core | undefined
  #producer = ''
  /** The id that `identify` set, possibly before there was consent. */
  #id = ''
  #lastError: string | undefined

  /** `module` throws where WebAssembly is forbidden. */
  constructor(options: Options, module: () => Make | undefined) {
    const url = addressOf(options)
    this.#gate = new Gate(options)
    this.#listeners = new NoteListeners(options.beforeSend, () => {
      this.#gate.consent = 'denied'
      this.#context.forget()
    })
    const { intervalMs, maxEvents, maxBytes, liveness, storage } = options
    const namespace = options.namespace || namespaceOf(url)
    this.#context = new Context(options, namespace)
    this.#start = (consent) => {
      const setup: Setup = [
        url,
        namespace,
        intervalMs,
        maxEvents,
        maxBytes,
        storage?.maxBytes,
        storage?.overflowMaxBytes,
        liveness !== 'beat',
        consent,
      ]
      const opened = (make: Make, fullGlue?: FullGlue) => {
        const [handle, producer] = open(make, setup, (...note) => this.#listeners.receive(...note), fullGlue)
        this.#producer = producer
        this.#handle = handle
        return handle
      }
      try {
        const make = module()
        if (make) opened(make)
      } catch (cause) {
        // Where a policy forbids WebAssembly, WebKit still compiles modules, and refuses to
        // instantiate them.
        this.#handle = recordCalls(cause, opened, this.#gate, (message) => this.#fail(message))
      }
    }
    if (this.#gate.consent === 'pending') return
    this.#safely(() => {
      // Without the option, the module uses the decision that an earlier page stored.
      this.#start(options.consent === 'granted' ? 1 : options.consent === 'denied' ? 2 : 0)
      this.#name()
    })
  }

  track(name: string, properties?: Properties, options?: TrackOptions): Tracked {
    try {
      return this.#pass({ ts: Date.now(), ...options, name, properties })
    } catch (error) {
      this.#fail(messageOf(error))
      return lost('unavailable')
    }
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
    const startedMs = performance.now()
    return () => this.timing(metric, performance.now() - startedMs, options)
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
    this.#safely(() => {
      this.#handle?.identify('')
      this.#name()
    })
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
    this.#gate.consent = consent
    if (consent === 'pending') return
    const waiting = this.#gate.takePending()
    this.#safely(() => {
      if (this.#handle) this.#handle.consent()
      else this.#start(1)
      this.#name()
      for (const draft of waiting) this.#pass(draft)
    })
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
    const flushed = this.#listeners.flushed()
    if (this.#handle) this.#safely(() => this.#handle?.flush())
    else this.#nothingSent()
    return flushed
  }

  delivered(id: string): Promise<void> {
    const [producer, seq] = id.split('-')
    if (!this.#handle || !producer || producer !== this.#producer)
      return Promise.reject(new Error(`event '${id}' is not of this page`))
    return this.#safely(() => this.#handle?.queued(Number(seq))) ? this.#listeners.delivered(id) : Promise.resolve()
  }

  stats(): Stats {
    const [facts = '', work] = (this.#safely(() => this.#handle?.stats()) || ' 0'.repeat(13)).split('\n')
    return statsOf(this.#producer, facts, work, this.#lastError)
  }

  on<Name extends keyof Notes>(name: Name, listener: (note: Notes[Name]) => void): () => void {
    return this.#listeners.on(name, listener)
  }

  close(): void {
    this.#safely(() => this.#handle?.close())
  }

  /**
   * With consent, stores the first page and the id that `identify` set, even if no event is kept.
   */
  #name(): void {
    if (this.#gate.consent !== 'granted') return
    this.#context.learn()
    if (this.#id) this.#handle?.identify(inside(this.#id))
  }

  #withdraw(forgets: boolean): void {
    this.#gate.consent = 'denied'
    this.#gate.takePending()
    this.#safely(() => {
      // Needed without consent, too: an earlier page may have stored something.
      if (!this.#handle) this.#start(2)
      this.#handle?.withdraw(forgets)
    })
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
    const handle = this.#handle
    if (!handle) return lost('unavailable')
    const { name, ts, properties, type = '', user, monitor } = draft
    if (!name) report(`the name is empty; the event is kept as 'unnamed'`)
    const context = this.#context.changed()
    if (context) handle.context(objectJson(context, report))
    const title = messageOf(name)
    const parts = `${objectJson(properties, report)}\n${objectJson(user, report)}\n${objectJson(monitor, report)}\n${inside(messageOf(type))}\n${inside(title)}`
    // A title of at most 66 UTF-16 units has at most 198 bytes, so only longer ones need counting.
    const packed = handle.track(ts, parts, title.length > 66 ? encoder.encode(title).length : 0)
    const seq = Math.floor(packed / 8)
    const reason = REASONS[packed % 8]
    // The call came from inside the module: the page replaced a web API by one that tracks.
    if (reason === 'busy') queueMicrotask(() => this.#safely(() => this.#keep(draft, report)))
    // There is neither a code nor a number while calls are recorded for the translated client.
    if (!seq) return lost(reason ?? 'loading')
    const made = { id: `${this.#producer}-${seq}`, seq, stored: !reason }
    return reason ? { ...made, reason } : made
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
    this.#handle = undefined
    this.#nothingSent()
    this.#listeners.emit('error', { message })
  }

  #nothingSent(): void {
    this.#listeners.receive(4, 0)
  }
}

function lost(reason: Reason): Tracked {
  return { id: '', seq: 0, stored: false, reason }
}
