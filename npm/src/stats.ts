// The client's statistics, from what the module returns.
import { FLUSH_REASONS } from './generated/codes.ts'
import type { Stats } from './generated/reports.ts'

/** What a first client returns: numbers, separated by spaces. */
type Facts = [
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

/**
 * `state` is a full client's report, or a first client's numbers; without a client, it is empty.
 */
export function statsOf(producer: string, state: string | Stats, lastError: string | undefined): Stats {
  return { ...(typeof state === 'string' ? firstStats(producer, state) : state), ...(lastError && { lastError }) }
}

function firstStats(producer: string, state: string): Stats {
  const [
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
  ] = (state || ' 0'.repeat(13)).slice(1).split(' ').map(Number) as Facts
  return {
    producer,
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
    ...(flush && { lastFlush: FLUSH_REASONS[flush - 1] }),
  }
}
