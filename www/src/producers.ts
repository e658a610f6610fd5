// The server's ledgers of all producers, most recently heard from first, read page by page.
import { between, minus, type Ranges, union } from './ranges.ts'
import type { ProducerRow, Server } from './server.ts'

const PAGES_MAX = 50
/** A payload can be processed this long after it was received, which is when it was heard. */
const PROCESSED_MS_MAX = 120_000

export class Producers {
  readonly #server: Server
  readonly #rows = new Map<string, ProducerRow>()
  /** The newest contact at the last read, by the server's clock. */
  #heard = -Infinity

  constructor(server: Server) {
    this.#server = server
  }

  row(producer: string): ProducerRow | undefined {
    return this.#rows.get(producer)
  }

  /** The numbers that arrived or were declared as dropped. */
  arrived(producer: string): Ranges {
    const row = this.#rows.get(producer)
    return row ? minus(between(1, row.made), row.holes) : []
  }

  /** The numbers that arrived. */
  stored(producer: string): Ranges {
    return minus(
      this.arrived(producer),
      union(...(this.#rows.get(producer)?.declared ?? []).map(({ ranges }) => ranges)),
    )
  }

  all(): IterableIterator<ProducerRow> {
    return this.#rows.values()
  }

  /** Reads the rows that may have changed since the last time. */
  async read(): Promise<void> {
    const unchanged = this.#heard
    let cursor: string | undefined
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const { producers, next } = await this.#server.producers(cursor)
      for (const row of producers) {
        this.#rows.set(row.producer, row)
        this.#heard = Math.max(this.#heard, row.last_heard)
      }
      if (!next || (producers.at(-1)?.last_heard ?? 0) < unchanged - PROCESSED_MS_MAX) return
      cursor = next
    }
  }
}
