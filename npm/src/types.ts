/** What can be said about an event: anything that JSON can hold. What it cannot hold is replaced or left out. */
export type Properties = Record<string, unknown>

/** What `init` takes. Only `url` and `key` are required. */
export interface Options {
  /** The server's origin or base, such as `https://t.example.com`. */
  url: string
  /** The write key, `wk_…`. */
  key: string
  /** The path that events are posted to, for servers that moved it away from blockers' lists. Default `/v1/events`. */
  path?: string
  /** Least time between two sends that are not full, in milliseconds. Default 500. */
  intervalMs?: number
  /** Most events in a batch. Default 100. */
  maxEvents?: number
  /** Most bytes of events in a batch. Default 60,000. */
  maxBytes?: number
  /**
   * What every storage key begins with, and the name of the overflow's database. Default: `ll:` and a hash of the address
   * that events are posted to, so that a new write key also sends what was kept under the old one. Pages of one origin that
   * send to one server under different keys need a namespace each: what a gone tab left is sent under the key of whoever
   * finds it.
   */
  namespace?: string
  /** `auto` asks the browser (Web Locks) which tabs are alive; `beat` relies on beats in storage alone. */
  liveness?: 'auto' | 'beat'
  /** How much room events may take. */
  storage?: {
    /** Most bytes of events in localStorage, of all the origin's pages together. Default 1 MiB. */
    maxBytes?: number
    /** Most bytes of events in IndexedDB, which takes what localStorage has no room for. Default 50 MiB. */
    overflowMaxBytes?: number
  }
  /**
   * What the user allows, as far as this page knows; see `setConsent`. Without it, what was last said in this browser holds:
   * `denied` after a `setConsent('denied')` or `forget()` that no `granted` followed, else `granted`.
   */
  consent?: Consent
  /** Marks events of users whose browser asks not to be tracked (Global Privacy Control); the server forwards those to nobody. Default true. */
  respectGpc?: boolean
  /** What part of events is kept, from 0 to 1. Those left out never get a number. Metrics are scaled up by it at the server. Default 1. */
  sampleRate?: number
  /** The version of your app, in every event's context. */
  release?: string
  /**
   * More members for every event's context; `false` for no context at all. `{ initial: null }` has the browser not remember on
   * which page its user was first seen.
   */
  context?: Properties | false
  /** Changes an event before it is numbered, or takes it out by returning `null`. */
  beforeEnqueue?: (event: Draft) => Draft | null
  /** Asked before every request. `false` holds the batch back: its events stay queued and are tried again later. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook may return nothing, which lets the batch go.
  beforeSend?: (batch: { bytes: number }) => boolean | void
}

/**
 * What the user allows. `granted`: everything. `pending`: not known yet; events stay in memory, at most 1,000, without a
 * number, and nothing is written or sent. `denied`: nothing; no event is kept or sent.
 */
export type Consent = 'granted' | 'denied' | 'pending'

/** An event before it is numbered, as hooks see it. */
export interface Draft extends Pick<TrackOptions, 'type' | 'user' | 'monitor'> {
  name: string
  properties?: Properties
  /** When it happened, in milliseconds since 1970. */
  ts: number
}

/** Something that sees every event, or watches the page. See `lamplight.use`. */
export interface Plugin {
  /** For messages about it. */
  name: string
  /** Called once, when it is added. */
  setup?(lamplight: AnyLamplight): void
  /** As the option of the same name; plugins are asked in the order in which they were added. */
  beforeEnqueue?(event: Draft): Draft | null
}

/** What can be said about one event beside its name and properties. */
export interface TrackOptions {
  /** Which way the event goes. Default `default`. */
  type?: 'default' | 'critical' | 'monitor'
  /** Who it is about, instead of whom `identify` named. */
  user?: { id?: string | number; anonymous_id?: string }
  /** An engineering metric on the event. */
  monitor?: Monitor
  /** When it happened, in milliseconds since 1970. Default: now. */
  ts?: number
}

/** An engineering metric. Members that are not named here are metadata, and are kept. */
export interface Monitor {
  /** A count, a level, or a duration. */
  kind: 'increment' | 'gauge' | 'timer'
  /** Default: the event's name. */
  metric?: string
  /** Default 1 for an increment. Timers are in milliseconds. */
  value?: number
  unit?: string
  tags?: Record<string, string>
  [metadata: string]: unknown
}

/** What can be said about one metric. */
export interface MetricOptions extends Omit<TrackOptions, 'monitor' | 'type'> {
  properties?: Properties
  unit?: string
  tags?: Record<string, string>
}

/** Why an event is not in storage. The last four did not even stay in memory; the server is told of the numbered ones. */
export type Reason =
  | 'storage_full'
  | 'storage_blocked'
  | 'storage_share'
  | 'busy'
  | 'quota'
  | 'too_large'
  | 'closed'
  | 'unavailable'
  /** The page forbids WebAssembly: it waits, without a number and in memory, until what replaces it was fetched; 1,000 events at most. */
  | 'loading'
  /** It waits, without a number, until the user decides. */
  | 'consent_pending'
  | 'consent_denied'
  | 'sampled_out'
  /** A hook took it out. */
  | 'filtered'
  /** The call was wrong; a note on `error` says how. */
  | 'invalid'

/** What became of an event at once. */
export interface Tracked {
  /** `<producer>-<seq>`, the event's name for ever. Empty when it got no number. */
  id: string
  /** Its number on this page, from 1. 0 when it got none. */
  seq: number
  /**
   * It is in localStorage and survives the page. One that is not is written into IndexedDB a moment later, if there is room;
   * from then on it survives as well (`stats().overflow`). That is how every event is kept in a worker.
   */
  stored: boolean
  reason?: Reason
}

/** Events that a 2xx answered. */
export interface Delivered {
  producer: string
  ids: string[]
  count: number
}

/** An event that was given up, counted, and declared to the server. */
export interface Dropped {
  producer: string
  id: string
  reason: 'quota' | 'rejected' | 'too_large' | 'opted_out'
}

/** Something went wrong. Events that were not answered stay queued. */
export interface Failure {
  message: string
  /** The HTTP status of a failed request, 0 when there was no answer. */
  status?: number
  /** How long nothing is sent now. */
  waitMs?: number
}

/** How a `flush()` ended. */
export interface Report {
  /** Events delivered since it was asked for. */
  sent: number
  /** Events still queued. */
  queued: number
  /** The status that ended it early. */
  status?: number
}

/** Where this page's events are. Counted from the start of the page. */
export interface Stats {
  producer: string
  /** Events numbered. */
  made: number
  /** Events without a 2xx. */
  queued: number
  queuedBytes: number
  /** Bytes of ours in localStorage, keys included. */
  stored: number
  /** Own events in IndexedDB, and the bytes of their blocks. */
  overflow: { events: number; bytes: number }
  /** Other tabs' events, as last seen. */
  foreign: number
  /** Own events delivered. */
  sent: number
  /** Events of gone tabs delivered. */
  adopted: number
  /** Own events given up, by reason. */
  dropped: Record<Dropped['reason'], number>
  /** Batches sent, answered or not. */
  requests: number
  /** Why the last request was sent. */
  lastFlush?: 'interval' | 'full' | 'hidden' | 'manual' | 'adopted' | 'recovered'
  lastError?: string
  /** How much longer nothing is sent. */
  backoffMs: number
  /** The lock that decides which tab works for gone ones. */
  lock: {
    phase: 'idle' | 'knocking' | 'claiming' | 'checking' | 'held' | 'releasing'
    /** The producer that works for gone tabs. */
    holder?: string
    /** The last holders, oldest first; `since` is when this tab first saw each. */
    history: { since: number; epoch: number; holder: string }[]
  }
}

/** What `on` listens to, by name. */
export interface Notes {
  /** Own events. */
  delivered: Delivered
  /** Events that a gone tab left and this one sent. */
  adopted: Delivered
  dropped: Dropped
  error: Failure
}

/**
 * What `track` takes after the name: the properties may only be left out if none of them is required.
 */
export type TrackArguments<Given> =
  Partial<Given> extends Given
    ? [properties?: Given, options?: TrackOptions]
    : [properties: Given, options?: TrackOptions]

/** What may be added to a page view: of your own event `page`, if your events have one, else anything. */
export type PageProperties<Events> = 'page' extends keyof Events ? Partial<Events['page']> : Properties

/**
 * A client. No method throws, whatever it is given; what goes wrong is a note on `error`.
 *
 * `Events` names your events and their properties: `init<{ signed_up: { plan: string }; left: {} }>(…)`.
 */
export interface Lamplight<Events extends object = Record<string, Properties>> {
  /**
   * Keeps an event. When `stored` is true, it is in localStorage and survives the page; it leaves storage only after the
   * server's 2xx was read. Otherwise `reason` says where it is: in memory and soon in IndexedDB, or nowhere.
   *
   * Names have 1 to 200 bytes; an empty one becomes `unnamed`. Properties are kept as JSON, at most 32 KiB of it; a larger
   * event is given up as `too_large`, which is counted and declared to the server.
   */
  track<Name extends keyof Events & string>(name: Name, ...rest: TrackArguments<Events[Name]>): Tracked
  /** Tracks `page` with the address (`url`, `path`), the title and the referrer. Kept as any event. */
  page(properties?: PageProperties<Events>, options?: TrackOptions): Tracked
  /** Adds `by` (default 1) to a count. Kept as any event, with a `monitor` object. */
  increment(metric: string, by?: number, options?: MetricOptions): Tracked
  /** Sets a level. Kept as any event. */
  gauge(metric: string, value: number, options?: MetricOptions): Tracked
  /** Records a duration in milliseconds. Kept as any event. */
  timing(metric: string, ms: number, options?: MetricOptions): Tracked
  /** Starts a duration; the function that comes back records it, each time that it is called. */
  timer(metric: string, options?: MetricOptions): () => Tracked
  /**
   * Names the user of later events, on this page and those after it, in every tab; and tracks `identify`. Tabs that are open
   * follow within five seconds, hidden ones when their timers run. `traits` go to the user's profile. An empty or missing id is refused (`invalid`) and changes nothing.
   */
  identify(id: string | number, traits?: Properties, options?: TrackOptions): Tracked
  /**
   * Forgets the user and ends the session: later events are somebody else's. Tabs that are open follow as they do for `identify`.
   * What waits is still sent, as of the user before.
   */
  reset(): void
  /**
   * Says what the user allows, from now on.
   *
   * `granted` keeps what waited in memory, with its own times. `pending` lets later events wait; what is queued is sent.
   * `denied` deletes what waits: in memory, in localStorage and in IndexedDB, of this tab, of the others that are open (as soon
   * as they look, 4 s at most or when they are next shown) and of those that are gone. From then on nothing is kept or sent, but
   * for one thing: the numbers of what was deleted are declared to the server as `opted_out`, so that nobody takes them for
   * losses. This page's events are gone from localStorage when this returns, those of other tabs a moment later, once the rest of the
   * client has been fetched, at the latest by a later page. `granted` and `denied` are remembered in this browser, for pages
   * whose `init` says nothing about consent. The user's random name stays; `forget` deletes it. On which page they were first seen is deleted.
   */
  setConsent(consent: Consent): void
  /**
   * Deletes what this browser keeps of the user: as `setConsent('denied')`, and the user's id, random name, session and first page too. What the
   * server has already is not touched. One key stays, which remembers the decision.
   */
  forget(): void
  /** Adds a plugin. Its `setup` is called at once. */
  use(plugin: Plugin): void
  /**
   * Sends what waits now. Resolves when all of it was answered, or when sending must wait (`status` says why); never
   * rejects.
   */
  flush(): Promise<Report>
  /** Resolves when a 2xx for the event was read; rejects when the event was given up, or is none of this page's. */
  delivered(id: string): Promise<void>
  /** How things stand. A snapshot, made anew by each call. */
  stats(): Stats
  /** Listens; the function that comes back stops that. What a listener throws is written to the console and stops nothing. */
  on<Name extends keyof Notes>(name: Name, listener: (note: Notes[Name]) => void): () => void
  /** Sends what it can, and stops. What is in localStorage is delivered by another tab or the next page. */
  close(): void
}

/** A client whatever its events: what functions take that work with any. */
// biome-ignore lint/suspicious/noExplicitAny: with `unknown`, a client whose events are named would not be one.
export type AnyLamplight = Lamplight<any>
