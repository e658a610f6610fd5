// What a scenario counted, for the table at the end of a run.
import { test } from '@playwright/test'

export interface Tally {
  /** Events that `track()` numbered. */
  made: number
  stored: number
  /** Copies that the server recognised and dropped. */
  sentTwice: number
  storedTwice: number
  lost: number
}

export const TALLY = 'tally'

/** Notes what the server counted. Its totals only grow, so the last note of a scenario holds. */
export function tally(counted: Tally): void {
  test.info().annotations.push({ type: TALLY, description: JSON.stringify(counted) })
}
