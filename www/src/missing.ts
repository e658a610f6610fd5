// Decides when an event that is seen nowhere is lost. Between two places an event is unseen for
// moments: the figures are read one after the other.
import { common, count, minus, type Ranges, union } from './ranges.ts'

/** An event that is unseen for this long is lost. */
export const LOST_AFTER_MS = 15_000

/** Watches one tab's unseen numbers. */
export class MissingWatch {
  #candidates: Ranges = []
  #sinceMs = 0
  #lost: Ranges = []

  /**
   * Returns how many of a tab's unseen events are lost. `inMemory` of the unseen ones are in the
   * tab's memory, which knows no numbers here. `oldestMs` is how long the server's oldest
   * unprocessed payload has been waiting: an event that was unseen for longer is not in it.
   */
  update(unseen: Ranges, inMemory: number, oldestMs: number, nowMs: number): number {
    this.#lost = common(this.#lost, unseen)
    const rest = minus(unseen, this.#lost)
    const still = common(this.#candidates, rest)
    if (count(still) === 0) this.#sinceMs = nowMs
    this.#candidates = count(still) === 0 ? rest : still
    const unseenMs = nowMs - this.#sinceMs
    if (unseenMs >= LOST_AFTER_MS && unseenMs > oldestMs) {
      this.#lost = union(this.#lost, this.#candidates)
      this.#candidates = []
    }
    return Math.max(0, count(this.#lost) - inMemory)
  }

  /** Those that were unseen for too long. */
  get lost(): Ranges {
    return this.#lost
  }
}
