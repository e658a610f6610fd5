// What the dashboard knows: the witness's counts on one side, the server's on the other, both since counting began.
import { type Facts, format } from './equation.ts'
import { type DemoRecord, RecordStore } from './record.ts'
import type { ProducerRow, Server, Totals } from './server.ts'
import { Witness } from './witness.ts'

export class Ledger {
  readonly witness = new Witness()
  readonly storedBy = new Map<string, number>()
  steps: string[] = []
  error = ''
  readonly #records: RecordStore
  #before: Totals
  /** Events that stood in storage when counting began, from tabs nobody witnessed. */
  #foundWaiting: number
  #sinceMs: number
  #now: Totals | undefined
  #changedMs = 0
  #fingerprint = ''
  #saved = ''

  /** True when no record of this server was found, so that counting began just now. */
  readonly isFresh: boolean

  private constructor(records: RecordStore, before: Totals, foundWaiting: number, kept?: DemoRecord) {
    this.#records = records
    this.#before = before
    this.#foundWaiting = foundWaiting
    this.#sinceMs = kept?.sinceMs ?? Date.now()
    this.isFresh = kept === undefined
    if (!kept) return
    this.witness.merge(kept.witness)
    this.steps = kept.steps
  }

  /** Goes on with the record of this server, or begins one at the server's present numbers. */
  static async open(key: string, server: Server, waiting: number): Promise<Ledger> {
    const records = new RecordStore(key)
    const [kept, totals] = await Promise.all([records.read(), server.totals()])
    // Fewer rows than before: the same key, but another data directory.
    if (!kept || totals.stored < kept.before.stored || totals.received < kept.received) {
      return new Ledger(records, totals, waiting)
    }
    return new Ledger(records, kept.before, kept.foundWaiting, kept)
  }

  startAnew(totals: Totals, waiting: number): void {
    this.#before = totals
    this.#now = totals
    this.#foundWaiting = waiting
    this.#sinceMs = Date.now()
    this.steps = []
    this.witness.startAnew()
  }

  learnTotals(totals: Totals, nowMs: number): void {
    this.error = ''
    this.#now = totals
    const { certain, unreturned } = this.witness.made()
    const fingerprint = [totals.made, totals.received, totals.stored, certain, unreturned].join()
    if (fingerprint !== this.#fingerprint) this.#changedMs = nowMs
    this.#fingerprint = fingerprint
  }

  learnProducers(rows: ProducerRow[]): void {
    for (const row of rows) {
      this.storedBy.set(row.producer, row.received)
      this.witness.learnHighestSeq(row.producer, row.made)
    }
  }

  failed(error: unknown): void {
    this.error = error instanceof Error ? error.message : String(error)
  }

  facts({ waiting, diedInMemory }: { waiting: number; diedInMemory: number }, nowMs: number): Facts {
    const now = this.#now
    const before = this.#before
    const { certain, unreturned } = this.witness.made()
    return {
      made: { certain: certain + this.#foundWaiting, unreturned },
      stored: now ? now.stored - before.stored : undefined,
      inFlight: since(now?.in_flight, before.in_flight),
      declared: since(now?.declared, before.declared),
      lost: since(now?.lost, before.lost),
      waiting,
      diedInMemory,
      serverDepth: now?.queue?.depth ?? 0,
      quietMs: nowMs - this.#changedMs,
    }
  }

  /** Rows stored since counting began. */
  stored(): number {
    return since(this.#now?.stored, this.#before.stored)
  }

  /** Events that came more than once and were dropped by the server. */
  repeats(): number {
    return since(this.#now?.duplicates, this.#before.duplicates)
  }

  sinceText(): string {
    const since = new Date(this.#sinceMs).toLocaleTimeString()
    const rows =
      this.#before.stored === 0 ? '' : ` ${format(this.#before.stored)} rows were there before and are left out.`
    const found =
      this.#foundWaiting === 0 ? '' : ` ${format(this.#foundWaiting)} events were found waiting and count as made.`
    return `Counted since ${since}.${rows}${found}`
  }

  async save(): Promise<void> {
    const record: DemoRecord = {
      witness: this.witness.record(),
      before: this.#before,
      foundWaiting: this.#foundWaiting,
      received: this.#now?.received ?? this.#before.received,
      sinceMs: this.#sinceMs,
      steps: this.steps,
    }
    const text = JSON.stringify(record)
    if (text === this.#saved) return
    this.#saved = text
    await this.#records.write(record)
  }
}

const since = (now: number | undefined, before: number): number => Math.max(0, (now ?? before) - before)
