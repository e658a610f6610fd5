import type { Reason, Tracked } from './types.ts'

/** What `track` returns for an event that is not kept. */
export function lost(reason: Reason): Tracked {
  return { id: '', seq: 0, stored: false, reason }
}
