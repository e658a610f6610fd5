// Generated from Rust by the tests of sdk-wasm/src/reports.

/** What happened to an event. */
export type TrackOutcome = 'stored' | 'storage_full' | 'storage_blocked' | 'storage_share' | 'quota' | 'too_large' | 'closed' | 'busy'
/** Every `TrackOutcome`, by the index that the module uses. */
export const TRACK_OUTCOMES: readonly TrackOutcome[] = ['stored', 'storage_full', 'storage_blocked', 'storage_share', 'quota', 'too_large', 'closed', 'busy']

/** Why an event was dropped. */
export type DropReason = 'quota' | 'rejected' | 'too_large' | 'opted_out'
/** Every `DropReason`, by the index that the module uses. */
export const DROP_REASONS: readonly DropReason[] = ['quota', 'rejected', 'too_large', 'opted_out']

/** Why a request was sent. */
export type FlushReason = 'interval' | 'full' | 'hidden' | 'manual' | 'adopted' | 'recovered'
/** Every `FlushReason`, by the index that the module uses. */
export const FLUSH_REASONS: readonly FlushReason[] = ['interval', 'full', 'hidden', 'manual', 'adopted', 'recovered']

/** A tab's part in the tab lock. */
export type LockPhase = 'idle' | 'requesting' | 'claiming' | 'checking' | 'held' | 'releasing'
/** Every `LockPhase`, by the index that the module uses. */
export const LOCK_PHASES: readonly LockPhase[] = ['idle', 'requesting', 'claiming', 'checking', 'held', 'releasing']

/** The numbers of a first client's statistics, by name. */
export const counters = ([made, queued, queuedBytes, stored, sent, requests, backoffMs, error, flush, quota, rejected, too_large, opted_out]: number[]) => ({ made, queued, queuedBytes, stored, sent, requests, backoffMs, error, flush, quota, rejected, too_large, opted_out }) as Record<'made' | 'queued' | 'queuedBytes' | 'stored' | 'sent' | 'requests' | 'backoffMs' | 'error' | 'flush' | 'quota' | 'rejected' | 'too_large' | 'opted_out', number>
