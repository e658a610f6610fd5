import type { Report, Stats } from './generated/reports.ts'
import type { Notes, Tracked } from './types/results.ts'

export type * from './types/results.ts'

/**
 * Anything that JSON can represent, but no list. `Map`, `Set` and `Error` are stored with their
 * contents. Anything else becomes a text such as `[circular]`, `[Function]` or, for an element,
 * `[div#menu]`, and `error` listeners are told. A value may have an interface as its type.
 */
// biome-ignore lint/suspicious/noExplicitAny: with `unknown`, an interface would need an index signature.
export type Properties = Record<string, any> & { [Symbol.iterator]?: never }

/** The options of `init`. Only `url` and `key` are required. */
export interface Options {
  /**
   * The server's base address, such as `https://t.example.com`, or a path of the page's own site,
   * such as `/telemetry`. `init` throws if it is neither, because an unset variable would otherwise
   * post events to your site.
   */
  url: string
  /** The write key, `wk_…`. */
  key: string
  /**
   * The path to post events to, if your server uses another to avoid blockers. Default
   * `/v1/events`.
   */
  path?: string | undefined
  /** Minimum time between two batches that are not full, in milliseconds. Default 500. */
  intervalMs?: number | undefined
  /** Most events in a batch. Default 100. */
  maxEvents?: number | undefined
  /** Most bytes of events in a batch. Default 60,000. */
  maxBytes?: number | undefined
  /**
   * The prefix of every storage key, and the name of the overflow database. Default: `ll:` and a
   * hash of the address that events are posted to. If an earlier page of this browser used the same
   * address or the same write key, its namespace, so that a new key or a new address keeps the
   * unsent events, the user and the decision about consent. Pages of one origin that send to one
   * server under different keys need a namespace each, because a tab sends orphaned events under
   * its own key.
   */
  namespace?: string | undefined
  /**
   * How tabs detect which others are alive: `auto` uses Web Locks where the browser has them,
   * `beat` only heartbeats in storage. Default `auto`.
   */
  liveness?: 'auto' | 'beat' | undefined
  /** How much space events may use. */
  storage?:
    | {
        /**
         * Most bytes of events in localStorage, for all pages of the origin together. Default 1
         * MiB.
         */
        maxBytes?: number | undefined
        /**
         * Most bytes of events in IndexedDB, which stores what localStorage has no room for.
         * Default 50 MiB.
         */
        overflowMaxBytes?: number | undefined
      }
    | undefined
  /**
   * What the user allows, as far as this page knows; see `setConsent`. Without it, the last
   * decision in this browser holds: `denied` after `setConsent('denied')` or `forget()` without a
   * later `granted`, else `granted`.
   */
  consent?: Consent | undefined
  /**
   * Marks the events of users whose browser sends Global Privacy Control. The server forwards
   * marked events to no sink. Default true.
   */
  respectGpc?: boolean | undefined
  /**
   * The fraction of events to keep, from 0 to 1. The others get no number. The server scales counts
   * up accordingly. Default 1.
   */
  sampleRate?: number | undefined
  /** The version of your app, added to every event's context. */
  release?: string | undefined
  /**
   * More fields for every event's context, or `false` for no context. With `{ initial: null }`,
   * this page does not store which page the user was first seen on, and its events have `initial:
   * null`.
   */
  context?: Properties | false | undefined
  /**
   * Whether to warn in the console about mistakes: one warning for each kind, with what to do. One
   * line also links to the page's events on the server. The page fetches a further chunk for this.
   * Default: on `localhost`, its subdomains, `127.0.0.1` and `[::1]`.
   */
  debug?: boolean | undefined
  /**
   * Changes an event before it is numbered, or discards it by returning `null`. It runs when the
   * event is tracked, also while consent is pending. If it throws, or returns anything else, such
   * as a promise, the event is discarded as well (`filtered`), because the hook may be there to
   * remove what must not leave the page; `error` listeners are told.
   */
  beforeEnqueue?: ((event: Draft) => Draft | null) | undefined
  /**
   * Called before every request. `false` defers the batch: its events stay queued and are retried
   * later. So does a hook that throws or returns a promise; `error` listeners are told.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook may return nothing, which sends the batch.
  beforeSend?: ((batch: { bytes: number }) => boolean | void) | undefined
}

/**
 * What the user allows. `granted`: everything. `pending`: not decided yet; at most 1,000 calls wait
 * in memory, as they were made and without a number, and nothing is stored or sent. `denied`: no
 * event is kept or sent.
 */
export type Consent = 'granted' | 'denied' | 'pending'

/** An event before it is numbered, as hooks receive it. */
export interface Draft extends Pick<TrackOptions, 'type' | 'user' | 'monitor'> {
  name: string
  properties?: Properties | undefined
  /** When it happened, in milliseconds since 1970. */
  ts: number
}

/** Code that sees every event, or watches the page. See `lamplight.use`. */
export interface Plugin {
  /** Used in messages about the plugin. */
  name: string
  /** Called once, when the plugin is added. */
  setup?: ((lamplight: AnyLamplight) => void) | undefined
  /** Like the option of the same name. Plugins run in the order in which they were added. */
  beforeEnqueue?: ((event: Draft) => Draft | null) | undefined
}

/** Options of one event. */
export interface TrackOptions {
  /** Used by the routes of sinks. Default `default`. */
  type?: 'default' | 'critical' | 'monitor' | undefined
  /** The user of the event, instead of the one that `identify` set. */
  user?: { id?: string | number | undefined; anonymous_id?: string | undefined } | undefined
  /** An engineering metric of the event. */
  monitor?: Monitor | undefined
  /**
   * When it happened, from 1970 to 9999: milliseconds since 1970, a `Date`, or RFC 3339 text such
   * as `2026-01-31T12:00:00Z`. Default: now.
   */
  ts?: number | Date | string | undefined
}

/** An engineering metric. Other members are kept as metadata. */
export interface Monitor {
  /** A count, a level, or a duration. */
  kind: 'increment' | 'gauge' | 'timer'
  /** Default: the event's name. */
  metric?: string | undefined
  /** Default 1 for an increment. In milliseconds for a timer. */
  value?: number | undefined
  unit?: string | undefined
  tags?: Record<string, string> | undefined
  // biome-ignore lint/suspicious/noExplicitAny: as for properties.
  [metadata: string]: any
}

/** Options of one metric. */
export interface MetricOptions extends Omit<TrackOptions, 'monitor' | 'type'> {
  properties?: Properties | undefined
  unit?: string | undefined
  tags?: Record<string, string> | undefined
}

/**
 * The arguments of `track` after the name. Properties can only be left out if none is required, and
 * an event declared as `{}` has none.
 */
export type TrackArguments<Given> =
  Partial<Given> extends Given
    ? [properties?: DeclaredProperties<Given> | undefined, options?: TrackOptions | undefined]
    : [properties: Given, options?: TrackOptions | undefined]

/**
 * The properties of an event that is declared as `Given`. Everything is assignable to `{}`, so for
 * that it is an object without members.
 */
export type DeclaredProperties<Given> = [keyof Given, string] extends [never, Given]
  ? unknown extends Given
    ? Given
    : Record<string, never>
  : Given

/**
 * Properties of a page view: those of your own event `page`, if your events have one, else
 * anything.
 */
export type PageProperties<Events> = 'page' extends keyof Events
  ? DeclaredProperties<Partial<Events['page']>>
  : Properties

/**
 * A client. No method throws, whatever its arguments. Errors go to `error` listeners.
 *
 * `Events` names your events and their properties: `init<{ signed_up: { plan: string }; left: {}
 * }>(…)`.
 */
export interface Lamplight<Events extends object = Record<string, Properties>> {
  /**
   * Records an event. If `stored` is true, it is in localStorage and survives the page, and it is
   * removed only after the page has read the server's 2xx. Otherwise `reason` says where it is: in
   * memory and soon in IndexedDB, or nowhere.
   *
   * Names have 1 to 200 bytes. An empty name becomes `unnamed`. Properties are stored as at most 32
   * KiB of JSON, in which every character outside ASCII takes 6 or 12 bytes, and user and monitor
   * as at most 8 KiB. A larger event is dropped as `too_large`, counted, and declared to the
   * server. What the server would refuse, such as a metric that is not a number, is refused
   * (`invalid`) without a number. In both cases `error` listeners are told why.
   */
  track<Name extends keyof Events & string>(name: Name, ...rest: TrackArguments<Events[Name]>): Tracked
  /**
   * Tracks the event `page` with the address (`url`, `path`), the title and the referrer: without
   * queries and fragments, as in the context, and cut to 500 characters each. What you give in
   * `properties` is kept as it is.
   */
  page(properties?: PageProperties<Events>, options?: TrackOptions): Tracked
  /** Adds `by` (default 1) to a count. It is an event with a `monitor` object. */
  increment(metric: string, by?: number, options?: MetricOptions): Tracked
  /** Sets a level. It is an event with a `monitor` object. */
  gauge(metric: string, value: number, options?: MetricOptions): Tracked
  /** Records a duration in milliseconds. It is an event with a `monitor` object. */
  timing(metric: string, ms: number, options?: MetricOptions): Tracked
  /** Starts a timer. Each call of the returned function records the duration since then. */
  timer(metric: string, options?: MetricOptions): () => Tracked
  /**
   * Sets the user of later events, on this page and later ones, in every tab; and tracks
   * `identify`. Open tabs follow within five seconds, hidden tabs when their timers run. `traits`
   * are stored in the user's profile. An empty or missing id, and one of more than 1,000
   * characters, is refused (`invalid`) and changes nothing.
   */
  identify(id: string | number, traits?: Properties, options?: TrackOptions): Tracked
  /**
   * Forgets the user and ends the session: later events belong to a new anonymous user. Open tabs
   * follow as they do for `identify`. Queued events are still sent, as events of the previous user.
   */
  reset(): void
  /**
   * Sets what the user allows from now on.
   *
   * `granted` makes the calls that waited in memory, each with the time, the properties, the user
   * and the page that it was made with. `pending` makes later events wait; queued events are still
   * sent. `denied` deletes all unsent events from memory, localStorage and IndexedDB: those of this
   * tab, of other open tabs (within 4 s, or when they are next shown), and of closed tabs. From
   * then on nothing is stored or sent, with one exception: the numbers of the deleted events are
   * declared to the server as `opted_out`, so that they do not count as losses.
   *
   * This page's events are gone from localStorage when this returns. Those of other tabs follow
   * once the full client has loaded, at the latest on a later page. `granted` and `denied` are
   * stored in this browser for pages whose `init` sets no `consent`. The user's anonymous id stays;
   * `forget` deletes it. The first page that the user was seen on is deleted.
   */
  setConsent(consent: Consent): void
  /**
   * Deletes everything that this browser stores about the user: what `setConsent('denied')`
   * deletes, and the user's id, anonymous id, session and first page. Data that the server already
   * has stays. One storage key remains, which stores the decision.
   */
  forget(): void
  /** Adds a plugin, and calls its `setup`. */
  use(plugin: Plugin): void
  /**
   * Sends all queued events now. Resolves when all have been answered, or when sending must pause
   * (`status` says why). Never rejects.
   */
  flush(): Promise<Report>
  /**
   * Resolves when the page has read a 2xx for the event. Rejects if the event is dropped, or if it
   * belongs to another page.
   */
  delivered(id: string): Promise<void>
  /** A snapshot of this page's events and requests. */
  stats(): Stats
  /**
   * Adds a listener, and returns a function that removes it. What a listener throws is logged to
   * the console.
   */
  on<Name extends keyof Notes>(name: Name, listener: (note: Notes[Name]) => void): () => void
  /**
   * Sends what it can, and stops. Another tab or the next page delivers what is left in
   * localStorage.
   */
  close(): void
}

/** A client with any events, for functions that accept every client. */
// biome-ignore lint/suspicious/noExplicitAny: with `unknown`, a client whose events are named would not be one.
export type AnyLamplight = Lamplight<any>
