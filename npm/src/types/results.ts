// What the methods and listeners of a client get.

/**
 * Why an event is not in localStorage. With `storage_…` and `busy` it is in memory. With `quota`,
 * `too_large`, `closed` and `unavailable` it is dropped, and declared to the server if it has a
 * number.
 */
export type Reason =
  | 'storage_full'
  | 'storage_blocked'
  | 'storage_share'
  | 'busy'
  | 'quota'
  | 'too_large'
  | 'closed'
  | 'unavailable'
  /**
   * The page forbids WebAssembly: the event waits in memory, without a number, until the translated
   * client has loaded. At most 1,000 events wait.
   */
  | 'loading'
  /** The event waits in memory, without a number, until the user decides. */
  | 'consent_pending'
  | 'consent_denied'
  | 'sampled_out'
  /** A hook discarded it. */
  | 'filtered'
  /** The call was invalid. `error` listeners receive the reason. */
  | 'invalid'

/** The immediate result for an event. */
export interface Tracked {
  /** `<producer>-<seq>`, the event's permanent id. Empty if it has no number. */
  id: string
  /** The event's sequence number on this page, from 1. 0 if it has none. */
  seq: number
  /**
   * Whether the event is in localStorage, where it survives the page. If not, it is written to
   * IndexedDB a moment later if there is room, and then survives as well (`stats().overflow`). In a
   * worker every event is stored that way.
   */
  stored: boolean
  reason?: Reason
}

/** Events that the server acknowledged with a 2xx. */
export interface Delivered {
  producer: string
  ids: string[]
  count: number
}

/** An event that was dropped. It is counted and declared to the server. */
export interface Dropped {
  producer: string
  id: string
  reason: 'quota' | 'rejected' | 'too_large' | 'opted_out'
}

/** An error. Events without an answer stay queued. */
export interface Failure {
  message: string
  /** The HTTP status of a failed request, 0 if there was no answer. */
  status?: number
  /** How long sending is paused, in milliseconds. */
  waitMs?: number
}

/** The result of `flush()`. */
export interface Report {
  /** Events delivered since the call. */
  sent: number
  /** Events still queued. */
  queued: number
  /** The HTTP status that ended it early. */
  status?: number
}

/** Where this page's events are, counted from the start of the page. */
export interface Stats {
  producer: string
  /** Events numbered. */
  made: number
  /** Events without a 2xx. */
  queued: number
  queuedBytes: number
  /** Bytes that Lamplight uses in localStorage, including keys. */
  stored: number
  /** This page's events in IndexedDB, and the bytes of their blocks. */
  overflow: { events: number; bytes: number }
  /** Other tabs' events in localStorage, when last scanned. */
  foreign: number
  /** This page's events delivered. */
  sent: number
  /** Orphaned events of closed tabs that this page delivered. */
  adopted: number
  /** This page's events that were dropped, by reason. */
  dropped: Record<Dropped['reason'], number>
  /** Batches sent, answered or not. */
  requests: number
  /** Why the last request was sent. */
  lastFlush?: 'interval' | 'full' | 'hidden' | 'manual' | 'adopted' | 'recovered'
  lastError?: string
  /** How much longer sending is paused, in milliseconds. */
  backoffMs: number
  /** The lock that decides which tab delivers orphaned events. */
  lock: {
    phase: 'idle' | 'requesting' | 'claiming' | 'checking' | 'held' | 'releasing'
    /** The producer that delivers orphaned events. */
    holder?: string
    /** The last holders, oldest first. `since` is when this tab first saw each. */
    history: { since: number; epoch: number; holder: string }[]
  }
}

/** What listeners receive, by the name that `on` takes. */
export interface Notes {
  /** This page's events. */
  delivered: Delivered
  /** Orphaned events of a closed tab that this page sent. */
  adopted: Delivered
  dropped: Dropped
  error: Failure
}
