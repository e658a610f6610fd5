// A thin face on the module: no timers, no retries, no storage and no queue here.

import type { Core } from 'lamplight:host'
import { Context } from './context.ts'
import { Gate } from './gate.ts'
import { encoder, type Make, type More, type Setup } from './glue.ts'
import { open } from './handle.ts'
import { inside, messageOf, objectJson } from './json.ts'
import { namespaceOf } from './namespace.ts'
import { Desk } from './notes.ts'
import { standIn } from './stand_in.ts'
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

/** What became of an event, by the code that the module gives. */
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

/** Why a request was sent, by the number that the module gives. */
const FLUSHES: Stats['lastFlush'][] = ['interval', 'full', 'hidden', 'manual', 'adopted', 'recovered']
type Facts = [
  nothing: number,
  made: number,
  queued: number,
  queuedBytes: number,
  stored: number,
  sent: number,
  requests: number,
  backoffMs: number,
  error: number,
  flush: number,
  quota: number,
  rejected: number,
  tooLarge: number,
  optedOut: number,
]

export class Client implements Lamplight {
  readonly #desk: Desk
  readonly #gate: Gate
  readonly #context: Context
  /** Starts the module's client: with 1 if consent is being given, with 2 if it is being withdrawn. */
  readonly #start: (consent: number) => void
  /** Absent where there is neither a page nor a worker, while nobody consented, and after the module failed. */
  #handle: Core | undefined
  #producer = ''
  /** Whom `identify` named, perhaps before anybody consented. */
  #id = ''
  #lastError: string | undefined

  /** `module` throws where WebAssembly is forbidden. */
  constructor(options: Options, module: () => Make | undefined) {
    const url = checked(options)
    this.#gate = new Gate(options)
    this.#desk = new Desk(options.beforeSend, () => {
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
      const opened = (make: Make, more?: More) => {
        const [handle, producer] = open(make, setup, (...told) => this.#desk.hear(...told), more)
        this.#producer = producer
        this.#handle = handle
        return handle
      }
      try {
        const make = module()
        if (make) opened(make)
      } catch (cause) {
        // WebKit lets modules be made where a policy forbids them, and no instances of them.
        this.#handle = standIn(cause, opened, this.#gate, (message) => this.#fail(message))
      }
    }
    if (this.#gate.consent === 'pending') return
    this.#safely(() => {
      // What an option does not say, an earlier page may have said.
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
    const given = typeof id === 'string' ? id.trim() : Number.isFinite(id) ? String(id) : ''
    if (!given) {
      // Not a reset either: an id that is missing is most often a page that asked too early.
      this.#desk.tell('error', { message: `identify: '${messageOf(id)}' is no id` })
      return lost('invalid')
    }
    this.#id = given
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
      this.#desk.tell('error', { message: `setConsent: '${messageOf(consent)}' must be ${CONSENTS}` })
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
      this.#desk.tell('error', { message: `plugin '${name}': ${messageOf(error)}` })
    }
  }

  flush(): Promise<Report> {
    const flushed = this.#desk.flushed()
    if (this.#handle) this.#safely(() => this.#handle?.flush())
    else this.#nothingSent()
    return flushed
  }

  delivered(id: string): Promise<void> {
    const [producer, seq] = id.split('-')
    if (!this.#handle || !producer || producer !== this.#producer)
      return Promise.reject(new Error(`event '${id}' is not of this page`))
    return this.#safely(() => this.#handle?.queued(Number(seq))) ? this.#desk.delivered(id) : Promise.resolve()
  }

  stats(): Stats {
    const [facts = '', work] = (this.#safely(() => this.#handle?.stats()) || ' 0'.repeat(13)).split('\n')
    const [
      ,
      made,
      queued,
      queuedBytes,
      stored,
      sent,
      requests,
      backoffMs,
      error,
      flush,
      quota,
      rejected,
      too_large,
      opted_out,
    ] = facts.split(' ').map(Number) as Facts
    return {
      producer: this.#producer,
      made,
      queued,
      queuedBytes,
      stored,
      foreign: 0,
      sent,
      adopted: 0,
      requests,
      backoffMs,
      overflow: { events: 0, bytes: 0 },
      dropped: { quota, rejected, too_large, opted_out },
      lock: { phase: 'idle', history: [] },
      ...(error && { lastError: error > 1 ? `status ${error - 1}` : 'no answer' }),
      ...(flush && { lastFlush: FLUSHES[flush - 1] }),
      ...(work && JSON.parse(work)),
      ...(this.#lastError && { lastError: this.#lastError }),
    }
  }

  on<Name extends keyof Notes>(name: Name, listener: (note: Notes[Name]) => void): () => void {
    return this.#desk.on(name, listener)
  }

  close(): void {
    this.#safely(() => this.#handle?.close())
  }

  /** Writes down who is here, and tells the module whom `identify` named, once that may be: also if no event is kept. */
  #name(): void {
    if (this.#gate.consent !== 'granted') return
    this.#context.learn()
    if (this.#id) this.#handle?.identify(inside(this.#id))
  }

  #withdraw(forgets: boolean): void {
    this.#gate.consent = 'denied'
    this.#gate.takePending()
    this.#safely(() => {
      // Also where nobody consented: an earlier page may have left something.
      if (!this.#handle) this.#start(2)
      this.#handle?.withdraw(forgets)
    })
  }

  #metric(kind: Monitor['kind'], metric: string, value: number, options: MetricOptions = {}): Tracked {
    const { properties, unit, tags, ...rest } = options
    return this.track(metric, properties, { ...rest, monitor: { kind, value, unit, tags } as Monitor })
  }

  /** Keeps an event, if it may be kept. */
  #pass(draft: Draft): Tracked {
    const report = (message: string) => this.#desk.tell('error', { message: `track('${draft.name}'): ${message}` })
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
    // Of a short one they are few, whatever its letters.
    const packed = handle.track(ts, parts, title.length > 66 ? encoder.encode(title).length : 0)
    const seq = Math.floor(packed / 8)
    const reason = REASONS[packed % 8]
    // The module was just calling a web API that the page has replaced by one that tracks.
    if (reason === 'busy') queueMicrotask(() => this.#safely(() => this.#keep(draft, report)))
    // No code, and no number, from what stands in for a module.
    if (!seq) return lost(reason ?? 'loading')
    const made = { id: `${this.#producer}-${seq}`, seq, stored: !reason }
    return reason ? { ...made, reason } : made
  }

  /** A host page is never broken by us: what goes wrong in the module ends the client, not the caller. */
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
    this.#desk.tell('error', { message })
  }

  #nothingSent(): void {
    this.#desk.hear(4, 0)
  }
}

function lost(reason: Reason): Tracked {
  return { id: '', seq: 0, stored: false, reason }
}

const CONSENTS = "'granted', 'denied' or 'pending'"

function isConsent(consent: unknown): consent is Consent {
  return consent === 'granted' || consent === 'denied' || consent === 'pending'
}

/** The address to post to. Throws on options that cannot work: at `init`, and nowhere else. */
function checked({
  url,
  key,
  path = '/v1/events',
  intervalMs,
  maxEvents,
  maxBytes,
  liveness = 'auto',
  storage,
  consent = 'granted',
  sampleRate = 1,
}: Options): string {
  must(key && typeof key === 'string', 'key', 'a write key')
  must(liveness === 'auto' || liveness === 'beat', 'liveness', "'auto' or 'beat'")
  must(isConsent(consent), 'consent', CONSENTS)
  must(sampleRate >= 0 && sampleRate <= 1, 'sampleRate', 'a number from 0 to 1')
  for (const [name, value = 1] of Object.entries({
    intervalMs,
    maxEvents,
    maxBytes,
    'storage.maxBytes': storage?.maxBytes,
    'storage.overflowMaxBytes': storage?.overflowMaxBytes,
  })) {
    must(Number.isSafeInteger(value) && value > 0 && value < 2 ** 31, name, 'a whole number above 0')
  }
  let base: URL | undefined
  try {
    base = new URL(url, globalThis.location?.href)
  } catch {}
  must(base && /^https?:$/.test(base.protocol), 'url', `the server's address, not '${url}'`)
  return `${base.href.replace(/[?#].*$/, '').replace(/\/+$/, '')}${path}?key=${encodeURIComponent(key)}`
}

function must(holds: unknown, name: string, be: string): asserts holds {
  if (!holds) throw new TypeError(`lamplight: option '${name}' must be ${be}`)
}
