// What the methods and listeners of a client get.
import type { Delivered, Dropped } from '../generated/reports.ts'

export type { DropReason, FlushReason, LockPhase } from '../generated/codes.ts'
export type {
  Delivered,
  Dropped,
  DroppedStats,
  LockStats,
  OverflowStats,
  Report,
  Stats,
  TenureStats,
} from '../generated/reports.ts'

/**
 * Why an event is not in localStorage. With `storage_…` and `busy` it is in memory. With `quota`,
 * `too_large`, `closed` and `unavailable` it is dropped, and declared to the server if it has a
 * number. `quota` without a number means that 1,000 calls wait already.
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
   * client has loaded. At most 1,000 calls wait.
   */
  | 'loading'
  /** The event waits in memory, without a number, until the user decides. */
  | 'consent_pending'
  | 'consent_denied'
  | 'sampled_out'
  /** A hook discarded it, or failed. */
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

/** An error. Events without an answer stay queued. */
export interface Failure {
  message: string
  /** The HTTP status of a failed request, 0 if there was no answer. */
  status?: number
  /** How long sending is paused, in milliseconds. */
  waitMs?: number
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
