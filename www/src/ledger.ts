// The counts of the recorder and of the server, both since counting began.
import { type Census, CensusTaker, EMPTY_CENSUS, type Look } from './census.ts'
import { type Facts, format } from './equation.ts'
import { Producers } from './producers.ts'
import { common, count, last, type Ranges } from './ranges.ts'
import { type DemoRecord, RecordStore } from './record.ts'
import { type RecordedTab, Recorder } from './recorder.ts'
import { RowCheck } from './row_check.ts'
import type { ProducerRow, Server, Totals } from './server.ts'

/** Rows are counted once no number has changed for this long. */
const COUNT_ROWS_AFTER_MS = 3_000

export class Ledger {
  readonly recorder = new Recorder()
  steps: string[] = []
  error = ''
  readonly #server: Server
  readonly #records: RecordStore
  readonly #producers: Producers
  readonly #rowCheck = new RowCheck()
  readonly #taker = new CensusTaker()
  #census: Census = EMPTY_CENSUS
  #before: Totals
  #sinceMs: number
  #now: Totals | undefined
  #changedMs = 0
  #fingerprint = ''
  #saved = ''

  /** Whether counting began just now, because there was no record of this server. */
  readonly isFresh: boolean

  private constructor(server: Server, records: RecordStore, before: Totals, kept?: DemoRecord) {
    this.#server = server
    this.#records = records
    this.#producers = new Producers(server)
    this.#before = before
    this.#sinceMs = kept?.sinceMs ?? Date.now()
    this.isFresh = kept === undefined
    if (!kept) return
    this.recorder.merge(kept.recording)
    this.steps = kept.steps
  }

  /** Continues the record of this server, or begins one at the server's current numbers. */
  static async open(key: string, server: Server): Promise<Ledger> {
    const records = new RecordStore(key)
    const [kept, totals] = await Promise.all([records.read(), server.totals()])
    // Fewer rows than before mean that another data directory uses the same key.
    const isSame = kept && totals.stored >= kept.before.stored && totals.received >= kept.received
    return isSame ? new Ledger(server, records, kept.before, kept) : new Ledger(server, records, totals)
  }

  get census(): Census {
    return this.#census
  }

  /** How many of a tab's events with these numbers are stored. */
  storedOf(id: string, numbers: Ranges): number {
    return count(common(numbers, this.#producers.stored(this.recorder.tab(id).producer)))
  }

  restart(totals: Totals): void {
    this.#before = totals
    this.#now = totals
    this.#sinceMs = Date.now()
    this.#census = EMPTY_CENSUS
    this.steps = []
    this.recorder.restart()
    this.#taker.clear()
  }

  /** Asks the server, and counts where the events are that this browser had at the look. */
  async count(look: Look, nowMs: () => number): Promise<void> {
    try {
      // Totals come first: an event that is processed in between is then counted twice, and not
      // missing.
      const totals = await this.#server.totals()
      await this.#producers.read()
      this.#now = totals
      this.error = ''
      this.#raise(look)
      this.#census = this.#taker.take(look, this.#producers, totals.queue.oldest_ms, nowMs())
      this.#noteChange(nowMs())
      if (nowMs() - this.#changedMs >= COUNT_ROWS_AFTER_MS) await this.#countRows(look)
    } catch (error) {
      this.failed(error)
    }
  }

  failed(error: unknown): void {
    this.error = error instanceof Error ? error.message : String(error)
  }

  facts(): Facts {
    const { total, dropReasons, lostInMemory, overflowIsRead } = this.#census
    return {
      places: total,
      duplicates: this.#rowCheck.duplicates,
      absent: this.#rowCheck.absent,
      unprocessed: this.#now?.queue.events ?? 0,
      setAside: this.#now?.queue.set_aside_events ?? 0,
      dropReasons,
      lostInMemory,
      isKnown: this.#now !== undefined,
      overflowIsRead,
    }
  }

  /** Repeated events that the server dropped. */
  repeats(): number {
    return Math.max(0, (this.#now?.duplicates ?? 0) - this.#before.duplicates)
  }

  sinceText(): string {
    const since = new Date(this.#sinceMs).toLocaleTimeString()
    const others = (this.#now?.stored ?? 0) - this.#census.total.stored
    const rows = others <= 0 ? '' : ` The database also has ${format(others)} rows from earlier or from elsewhere.`
    return `Counting the events of these tabs since ${since}.${rows}`
  }

  async save(): Promise<void> {
    const record: DemoRecord = {
      recording: this.recorder.recording(),
      before: this.#before,
      received: this.#now?.received ?? this.#before.received,
      sinceMs: this.#sinceMs,
      steps: this.steps,
    }
    const text = JSON.stringify(record)
    if (text === this.#saved) return
    this.#saved = text
    await this.#records.write(record)
  }

  #raise({ keys, overflow }: Look): void {
    for (const { producer, made } of this.#producers.all()) this.recorder.raiseTo(producer, made)
    for (const places of [keys.singles, keys.blocks, overflow?.byProducer ?? []])
      for (const [producer, numbers] of places) this.recorder.raiseTo(producer, last(numbers))
  }

  #noteChange(nowMs: number): void {
    const fingerprint = JSON.stringify([this.#now?.received, this.#now?.stored, this.#census.total])
    if (fingerprint !== this.#fingerprint) this.#changedMs = nowMs
    this.#fingerprint = fingerprint
  }

  /** Whether the rows of all events that have arrived are counted. */
  get rowsAreCounted(): boolean {
    return this.#rowCheck.covers(this.#rowsOf(this.recorder.tabs().values()))
  }

  async #countRows(look: Look): Promise<void> {
    await this.#rowCheck.run(this.#rowsOf(look.tabs.values()), (producer) => this.#server.rows(producer))
  }

  #rowsOf(tabs: Iterable<RecordedTab>): ProducerRow[] {
    return [...tabs].flatMap(({ producer }) => this.#producers.row(producer) ?? [])
  }
}
