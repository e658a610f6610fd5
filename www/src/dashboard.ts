// The dashboard: hears the tabs, asks the server, and holds one against the other.
import { type Channel, type Message, openChannel } from './channel.ts'
import { Checklist } from './checklist.ts'
import { Comparison } from './comparison.ts'
import { Controls } from './controls.ts'
import { byId, setText } from './element.ts'
import { judge, type Verdict } from './equation.ts'
import { EquationView } from './equation_view.ts'
import { Ledger } from './ledger.ts'
import { LockView } from './lock_view.ts'
import { keysBy, QueueReader, readQueue } from './queue.ts'
import { QueueView } from './queue_view.ts'
import { Roster, type Tab } from './roster.ts'
import { readConfig, Server } from './server.ts'
import { inMemoryOf, TabsTable } from './tabs_table.ts'
import { Tail } from './tail.ts'

const POLL_MS = 500
/** Of so many polls, one also asks for the last events and the fault. */
const SLOW_EVERY = 2
const TAIL_ROWS = 10
/** Tabs that answer the first roll call are older than the counting. */
const EARLIER_TABS_MS = 1_000

class Dashboard {
  readonly #server: Server
  readonly #ledger: Ledger
  readonly #roster: Roster
  readonly #channel: Channel
  readonly #controls: Controls
  readonly #equation = new EquationView()
  readonly #tabsTable: TabsTable
  readonly #queueReader = new QueueReader(localStorage)
  readonly #queueView: QueueView
  readonly #lockView: LockView
  readonly #tail: Tail
  readonly #comparison: Comparison
  readonly #checklist = new Checklist(byId('steps'))
  readonly #startedMs = performance.now()
  #polls = 0

  constructor(server: Server, ledger: Ledger) {
    this.#server = server
    this.#ledger = ledger
    this.#roster = new Roster(ledger.witness)
    this.#roster.recall()
    this.#checklist.recall(ledger.steps)
    this.#channel = openChannel((message) => this.#hear(message))
    this.#controls = new Controls({ channel: this.#channel, server, roster: this.#roster })
    this.#tabsTable = new TabsTable(ledger.witness, (tab) => this.#channel.say({ kind: 'close', tab }))
    this.#queueView = new QueueView(ledger.witness)
    this.#lockView = new LockView(ledger.witness)
    this.#tail = new Tail(server, ledger.witness)
    this.#comparison = new Comparison({
      channel: this.#channel,
      openTabs: () => this.#roster.alive().length,
      stored: () => ledger.stored(),
    })
    byId('anew').addEventListener('click', () => void this.#startAnew())
    document.addEventListener('visibilitychange', () => void this.#ledger.save())
    addEventListener('pagehide', () => void this.#ledger.save())
  }

  async run(): Promise<never> {
    for (;;) {
      const startedMs = performance.now()
      if (!document.hidden || this.#polls === 0) await this.#poll()
      await new Promise((resolve) => setTimeout(resolve, Math.max(50, POLL_MS - (performance.now() - startedMs))))
    }
  }

  #hear(message: Message): void {
    switch (message.kind) {
      case 'making':
      case 'returned':
      case 'status':
      case 'adopted':
      case 'compared':
      case 'goodbye':
        if (this.#roster.hear(message, performance.now()) && this.#isEarlierTab())
          this.#ledger.witness.startAnew(message.tab)
        if (message.kind === 'compared') this.#comparison.hear(message.tab, message.made)
        if (message.kind === 'status') {
          this.#channel.say({ kind: 'name', tab: message.tab, number: this.#ledger.witness.tab(message.tab).number })
        }
    }
  }

  /** A tab that was open before counting began is counted from where it stands. */
  #isEarlierTab(): boolean {
    return this.#ledger.isFresh && performance.now() - this.#startedMs < EARLIER_TABS_MS
  }

  async #poll(): Promise<void> {
    const isSlow = this.#polls % SLOW_EVERY === 0
    this.#polls += 1
    this.#channel.say({ kind: 'roll_call' })
    try {
      this.#ledger.learnTotals(await this.#server.totals(), performance.now())
      this.#ledger.learnProducers(await this.#server.producers())
      if (isSlow) await this.#askMore()
    } catch (error) {
      this.#ledger.failed(error)
    }
    await this.#roster.checkLives(performance.now())
    this.#show()
    await this.#ledger.save()
  }

  async #askMore(): Promise<void> {
    const [events] = await Promise.all([this.#server.lastEvents(TAIL_ROWS), this.#controls.readFault()])
    this.#tail.show(events)
  }

  #show(): void {
    const nowMs = performance.now()
    const queue = this.#queueReader.read()
    const keys = keysBy(queue)
    for (const tab of this.#roster.alive()) this.#ledger.witness.tab(tab.id).inMemory = inMemoryOf(tab, keys)
    const inMemory = this.#inMemory(this.#roster.alive())
    this.#controls.minds(inMemory)
    const facts = { waiting: queue.count + inMemory, diedInMemory: this.#inMemory(this.#roster.gone()) }
    const verdict = judge(this.#ledger.facts(facts, nowMs))
    this.#equation.show(this.#withError(verdict), this.#ledger.repeats(), nowMs)
    this.#tabsTable.show(this.#roster, queue, this.#ledger.storedBy)
    this.#queueView.show(queue, inMemory)
    this.#lockView.show(this.#roster)
    this.#comparison.show()
    setText(byId('since'), this.#ledger.sinceText())
    this.#tick(verdict, new Set(queue.byProducer.map((waiting) => waiting.producer)))
  }

  #inMemory(tabs: Tab[]): number {
    return tabs.reduce((sum, tab) => sum + this.#ledger.witness.tab(tab.id).inMemory, 0)
  }

  /** An outage of the totals themselves must not look like a verdict. */
  #withError(verdict: Verdict): Verdict {
    const error = this.#ledger.error
    if (!error || verdict.state === 'unknown') return error ? { ...verdict, text: error } : verdict
    return {
      ...verdict,
      state: 'on_the_way',
      text: `The server does not answer this page: ${error}. The numbers are the last known.`,
    }
  }

  #tick(verdict: Verdict, waiting: ReadonlySet<string>): void {
    const gone = this.#roster.gone()
    const isOrphan = (id: string): boolean => waiting.has(this.#ledger.witness.tab(id).producer)
    const ticked = this.#checklist.see({
      openTabs: this.#roster.alive().length,
      hammered: this.#controls.hammered,
      serverFails: this.#controls.fault !== 'none',
      orphans: gone.some((tab) => isOrphan(tab.id)),
      adopted: this.#roster.tabs().some((tab) => tab.adoptedBy.size > 0),
      holds: verdict.state === 'holds',
    })
    if (ticked) this.#ledger.steps = this.#checklist.done()
  }

  async #startAnew(): Promise<void> {
    this.#ledger.startAnew(await this.#server.totals(), readQueue(localStorage).count)
    this.#roster.clear()
    this.#checklist.recall([])
    this.#equation.clear()
    this.#show()
    await this.#ledger.save()
  }
}

async function start(): Promise<void> {
  const config = await readConfig()
  const server = new Server(config)
  const ledger = await Ledger.open(config.key, server, readQueue(localStorage).count)
  await new Dashboard(server, ledger).run()
}

start().catch((error: unknown) => {
  setText(byId('verdict'), `The demo could not start: ${String(error)}. Reload the page when the server runs.`)
})
