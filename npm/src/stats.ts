// The client's statistics, from the text that the module returns.
import type { Stats } from './types.ts'

/** Why a request was sent, by the number that the module uses. */
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

/**
 * `facts` has numbers separated by spaces, in the order of `Facts`. `rest` is the JSON of the
 * members that only the full client knows.
 */
export function statsOf(
  producer: string,
  facts: string,
  rest: string | undefined,
  lastError: string | undefined,
): Stats {
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
    ...(flush && { lastFlush: FLUSHES[flush - 1] }),
    ...(rest && JSON.parse(rest)),
    ...(lastError && { lastError }),
  }
}
