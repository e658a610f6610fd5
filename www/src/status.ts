// A tab's status for the dashboard, from the public `stats()`.
import type { Lamplight, Stats } from 'lamplight'
import type { TabStatus } from './channel.ts'

export function readStatus(lamplight: Lamplight, unstored: number): TabStatus {
  const stats = lamplight.stats()
  return {
    producer: stats.producer,
    waiting: stats.queued,
    unstored,
    sent: stats.sent,
    adopted: stats.adopted,
    dropped: Object.values(stats.dropped).reduce((sum, count) => sum + count, 0),
    lockPhase: stats.lock.phase,
    lockHolder: stats.lock.holder ?? '',
    lockTurns: stats.lock.history,
    backoffMs: stats.backoffMs,
    lastError: errorText(stats.lastError),
  }
}

/** The error is an HTTP status, 0 if there was no answer, or a text if the client itself failed. */
function errorText(error: Stats['lastError'] | number): string {
  if (error === undefined) return ''
  if (typeof error === 'string' && Number.isNaN(Number(error))) return error
  return Number(error) === 0 ? 'no answer' : `answered ${error}`
}
