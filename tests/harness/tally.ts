// The counts of a scenario, for the table at the end of a run.
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

/**
 * Records the server's counts. They only increase, so the last record of a scenario is the valid
 * one.
 */
export function tally(counted: Tally): void {
  test.info().annotations.push({ type: TALLY, description: JSON.stringify(counted) })
}
