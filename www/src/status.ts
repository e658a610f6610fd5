// A tab's status for the dashboard, from the public `stats()`.
import type { Lamplight } from 'lamplight'
import type { TabStatus } from './channel.ts'
import type { LastFailure } from './failure.ts'

export function readStatus(lamplight: Lamplight, lastFailure: LastFailure): TabStatus {
  const stats = lamplight.stats()
  return {
    producer: stats.producer,
    queued: stats.queued,
    sent: stats.sent,
    adopted: stats.adopted,
    dropped: Object.values(stats.dropped).reduce((sum, count) => sum + count, 0),
    lockPhase: stats.lock.phase,
    lockTurns: stats.lock.history,
    backoffMs: stats.backoffMs,
    lastFailure,
  }
}
