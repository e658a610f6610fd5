// The counts of the recorder and of the server, both since counting began.
import { type Facts, format } from './equation.ts'
import { type DemoRecord, RecordStore } from './record.ts'
import { Recorder } from './recorder.ts'
import type { ProducerRow, Server, Totals } from './server.ts'

export class Ledger {
  readonly recorder = new Recorder()
  readonly storedBy = new Map<string, number>()
  steps: string[] = []
  error = ''
  readonly #records: RecordStore
  #before: Totals
  /** Events that were in storage when counting began, from tabs that were not recorded. */
  #foundWaiting: number
  #sinceMs: number
  #now: Totals | undefined
  #changedMs = 0
  #fingerprint = ''
  #saved = ''

  /** Whether counting began just now, because there was no record of this server. */
  readonly isFresh: boolean

  private constructor(records: RecordStore, before: Totals, foundWaiting: number, kept?: DemoRecord) {
    this.#records = records
    this.#before = before
    this.#foundWaiting = foundWaiting
    this.#sinceMs = kept?.sinceMs ?? Date.now()
    this.isFresh = kept === undefined
    if (!kept) return
    this.recorder.merge(kept.recording)
    this.steps = kept.steps
  }

  /** Continues the record of this server, or begins one at the server's current numbers. */
  static async open(key: string, server: Server, waiting: number): Promise<Ledger> {
    const records = new RecordStore(key)
    const [kept, totals] = await Promise.all([records.read(), server.totals()])
    // Fewer rows than before mean that another data directory uses the same key.
    if (!kept || totals.stored < kept.before.stored || totals.received < kept.received) {
      return new Ledger(records, totals, waiting)
    }
    return new Ledger(records, kept.before, kept.foundWaiting, kept)
  }

  restart(totals: Totals, waiting: number): void {
    this.#before = totals
    this.#now = totals
    this.#foundWaiting = waiting
    this.#sinceMs = Date.now()
    this.steps = []
    this.recorder.restart()
  }

  setTotals(totals: Totals, nowMs: number): void {
    this.error = ''
    this.#now = totals
    const { certain, unreturned } = this.recorder.made()
    const fingerprint = [totals.made, totals.received, totals.stored, certain, unreturned].join()
    if (fingerprint !== this.#fingerprint) this.#changedMs = nowMs
    this.#fingerprint = fingerprint
  }

  setProducers(rows: ProducerRow[]): void {
    for (const row of rows) {
      this.storedBy.set(row.producer, row.received)
      this.recorder.raiseTo(row.producer, row.made)
    }
  }

  failed(error: unknown): void {
    this.error = error instanceof Error ? error.message : String(error)
  }

  facts({ waiting, lostInMemory }: { waiting: number; lostInMemory: number }, nowMs: number): Facts {
    const now = this.#now
    const before = this.#before
    const { certain, unreturned } = this.recorder.made()
    return {
      made: { certain: certain + this.#foundWaiting, unreturned },
      stored: now ? now.stored - before.stored : undefined,
      inFlight: since(now?.in_flight, before.in_flight),
      declared: since(now?.declared, before.declared),
      lost: since(now?.lost, before.lost),
      waiting,
      lostInMemory,
      serverDepth: now?.queue?.depth ?? 0,
      quietMs: nowMs - this.#changedMs,
    }
  }

  /** Rows stored since counting began. */
  stored(): number {
    return since(this.#now?.stored, this.#before.stored)
  }

  /** Repeated events that the server dropped. */
  repeats(): number {
    return since(this.#now?.duplicates, this.#before.duplicates)
  }

  sinceText(): string {
    const since = new Date(this.#sinceMs).toLocaleTimeString()
    const rows = this.#before.stored === 0 ? '' : ` ${format(this.#before.stored)} earlier rows are not counted.`
    const found =
      this.#foundWaiting === 0 ? '' : ` ${format(this.#foundWaiting)} events were already waiting and count as made.`
    return `Counting since ${since}.${rows}${found}`
  }

  async save(): Promise<void> {
    const record: DemoRecord = {
      recording: this.recorder.recording(),
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
