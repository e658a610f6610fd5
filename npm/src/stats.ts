// The client's statistics, from what the module returns.
import { counters, FLUSH_REASONS } from './generated/codes.ts'
import type { Stats } from './generated/reports.ts'

/**
 * `state` is a full client's report, or a first client's numbers, each after a space; without a
 * client, it is empty.
 */
export function statsOf(producer: string, state: string | Stats, lastError: string | undefined): Stats {
  return { ...(typeof state === 'string' ? firstStats(producer, state) : state), ...(lastError && { lastError }) }
}

function firstStats(producer: string, state: string): Stats {
  const numbers = (state || ' 0'.repeat(13)).slice(1).split(' ').map(Number)
  const { error, flush, quota, rejected, too_large, opted_out, ...rest } = counters(numbers)
  return {
    producer,
    ...rest,
    foreign: 0,
    adopted: 0,
    overflow: { events: 0, bytes: 0 },
    dropped: { quota, rejected, too_large, opted_out },
    lock: { phase: 'idle', history: [] },
    ...(error && { lastError: error > 1 ? `status ${error - 1}` : 'no answer' }),
    ...(flush && { lastFlush: FLUSH_REASONS[flush - 1] }),
  }
}
