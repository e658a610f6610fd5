// Compares, for each tab, the rows in the database with the events that arrived. Counting rows
// takes the server time, so only what has changed is counted, and only while nothing changes.
import type { ProducerRow } from './server.ts'

/** Counts a producer's rows; undefined if there are too many to count. */
export type CountRows = (producer: string) => Promise<number | undefined>

/** At most this many producers are counted at once. */
const BATCH_MAX = 10
/** A difference counts once it was seen twice, because rows and arrivals are read apart. */
const TIMES = 2

interface Checked {
  received: number
  /** Rows beyond the events that arrived; negative if rows are missing. */
  difference: number
  times: number
}

export class RowCheck {
  #checked = new Map<string, Checked>()

  /** Counts the rows of the producers that changed since they were counted. */
  async run(rows: readonly ProducerRow[], countRows: CountRows): Promise<void> {
    for (const { producer, received } of rows.filter((row) => this.#isDue(row)).slice(0, BATCH_MAX)) {
      const counted = await countRows(producer)
      const difference = counted === undefined ? 0 : counted - received
      const before = this.#checked.get(producer)
      const isSame = before?.received === received && before.difference === difference
      this.#checked.set(producer, { received, difference, times: isSame ? before.times + 1 : 1 })
    }
  }

  /** Rows beyond one for each event that arrived. */
  get duplicates(): number {
    return this.#sum((difference) => Math.max(0, difference))
  }

  /** Events that arrived and have no row. */
  get absent(): number {
    return this.#sum((difference) => Math.max(0, -difference))
  }

  /** Whether the rows of these producers are counted now, and each difference was seen twice. */
  covers(rows: readonly ProducerRow[]): boolean {
    return rows.every(({ producer, received }) => {
      const checked = this.#checked.get(producer)
      return checked?.received === received && (checked.difference === 0 || checked.times >= TIMES)
    })
  }

  #isDue({ producer, received }: ProducerRow): boolean {
    const before = this.#checked.get(producer)
    return before?.received !== received || before.difference !== 0
  }

  #sum(part: (difference: number) => number): number {
    let total = 0
    for (const { difference, times } of this.#checked.values()) if (times >= TIMES) total += part(difference)
    return total
  }
}
