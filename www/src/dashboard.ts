// The dashboard: receives messages from the tabs, queries the server, and compares both.
import type { Look } from './census.ts'
import { type Channel, type Message, openChannel } from './channel.ts'
import { Checklist } from './checklist.ts'
import { Comparison } from './comparison.ts'
import { signInWith } from './console_link.ts'
import { Controls } from './controls.ts'
import { byId, setText } from './element.ts'
import { type Evaluation, evaluate } from './equation.ts'
import { EquationView } from './equation_view.ts'
import { Ledger } from './ledger.ts'
import { KeyReader } from './local_storage.ts'
import { LockView } from './lock_view.ts'
import { NAMESPACE } from './namespace.ts'
import { OverflowReader } from './overflow.ts'
import { NOWHERE, waiting } from './places.ts'
import { Roster } from './roster.ts'
import { readConfig, Server } from './server.ts'
import { TabsTable } from './tabs_table.ts'
import { Tail } from './tail.ts'
import { WaitingView } from './waiting_view.ts'

const POLL_MS = 500
/** Every second poll also reads the last events and the fault. */
const SLOW_EVERY = 2
const TAIL_ROWS = 10
/** Tabs that answer within this time after the start were open before counting began. */
const EARLIER_TABS_MS = 1_000

class Dashboard {
  readonly #server: Server
  readonly #ledger: Ledger
  readonly #roster: Roster
  readonly #channel: Channel
  readonly #controls: Controls
  readonly #equation = new EquationView()
  readonly #tabsTable: TabsTable
  readonly #keyReader = new KeyReader(localStorage, NAMESPACE)
  readonly #overflowReader = new OverflowReader(NAMESPACE)
  readonly #waitingView = new WaitingView()
  readonly #lockView: LockView
  readonly #tail: Tail
  readonly #comparison: Comparison
  readonly #checklist = new Checklist(byId('steps'))
  readonly #startedMs = performance.now()
  #polls = 0

  constructor(server: Server, ledger: Ledger) {
    this.#server = server
    this.#ledger = ledger
    this.#roster = new Roster(ledger.recorder)
    this.#roster.restore()
    this.#checklist.restore(ledger.steps)
    this.#channel = openChannel((message) => this.#handle(message))
    this.#controls = new Controls({ channel: this.#channel, server, roster: this.#roster })
    this.#tabsTable = new TabsTable(ledger.recorder, (tab) => this.#channel.send({ kind: 'close', tab }))
    this.#lockView = new LockView(ledger.recorder)
    this.#tail = new Tail(server, ledger.recorder)
    this.#comparison = new Comparison({
      channel: this.#channel,
      openTabs: () => this.#roster.alive().length,
      stored: (tab, numbers) => ledger.storedOf(tab, numbers),
      lost: () => ledger.census.total.lost,
    })
    byId('reset').addEventListener('click', () => void this.#restart())
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

  #handle(message: Message): void {
    switch (message.kind) {
      case 'making':
      case 'unstored':
      case 'returned':
      case 'status':
      case 'adopted':
      case 'compared':
      case 'closing':
        if (this.#roster.handle(message, performance.now()) && this.#isEarlierTab())
          this.#ledger.recorder.restart(message.tab)
        if (message.kind === 'compared') this.#comparison.record(message.tab, message.made, message.numbers)
        if (message.kind === 'status') {
          this.#channel.send({ kind: 'name', tab: message.tab, number: this.#ledger.recorder.tab(message.tab).number })
        }
    }
  }

  /** Whether a new tab was open before counting began. Its earlier events are not counted. */
  #isEarlierTab(): boolean {
    return this.#ledger.isFresh && performance.now() - this.#startedMs < EARLIER_TABS_MS
  }

  async #poll(): Promise<void> {
    const isSlow = this.#polls % SLOW_EVERY === 0
    this.#polls += 1
    this.#channel.send({ kind: 'request_status' })
    await this.#ledger.count(await this.#look(), () => performance.now())
    if (isSlow && !this.#ledger.error) await this.#pollDetails().catch((error) => this.#ledger.failed(error))
    await this.#roster.checkLives(performance.now())
    this.#show()
    await this.#ledger.save()
  }

  async #pollDetails(): Promise<void> {
    const [events] = await Promise.all([this.#server.lastEvents(TAIL_ROWS), this.#controls.readFault()])
    this.#tail.show(events)
  }

  /**
   * What this browser has now. Counts come first: what is made after them is in no figure yet. Keys
   * come before IndexedDB, because events move in this direction.
   */
  async #look(): Promise<Look> {
    const tabs = this.#ledger.recorder.snapshot()
    const queued = new Map(this.#roster.alive().map((tab) => [tab.id, tab.status?.queued ?? 0]))
    return { tabs, queued, keys: this.#keyReader.read(), overflow: await this.#overflowReader.read() }
  }

  #show(): void {
    const nowMs = performance.now()
    const { census } = this.#ledger
    signInWith(this.#server.token)
    const alive = this.#roster.alive()
    this.#controls.stopWhenFull(alive.reduce((sum, { status }) => sum + (status?.dropped ?? 0), 0))
    const evaluation = evaluate(this.#ledger.facts())
    this.#equation.show(this.#withError(evaluation), this.#ledger.repeats(), nowMs)
    // Programs that read the page wait for this before they believe that there are no duplicates.
    byId('equation').dataset['rows'] = this.#ledger.rowsAreCounted ? 'counted' : 'counting'
    this.#tabsTable.show(this.#roster, census)
    this.#waitingView.show(census)
    this.#lockView.show(census.lock, this.#roster)
    this.#comparison.show()
    setText(byId('since'), this.#ledger.sinceText())
    this.#tick(evaluation)
  }

  /** While the totals cannot be read, the last known ones must not look current. */
  #withError(evaluation: Evaluation): Evaluation {
    const error = this.#ledger.error
    if (!error || evaluation.state === 'unknown') return error ? { ...evaluation, text: error } : evaluation
    return {
      ...evaluation,
      state: 'on_the_way',
      text: `The server does not respond to this page: ${error}. These are the last known numbers.`,
    }
  }

  #tick(evaluation: Evaluation): void {
    const { byTab } = this.#ledger.census
    const waits = (id: string): boolean => waiting(byTab.get(id) ?? NOWHERE) > 0
    const ticked = this.#checklist.update({
      openTabs: this.#roster.alive().length,
      hammered: this.#controls.hammered,
      serverFails: this.#controls.fault !== 'none',
      orphans: this.#roster.ended().some((tab) => waits(tab.id)),
      adopted: this.#roster.tabs().some((tab) => tab.adoptedBy.size > 0),
      holds: evaluation.state === 'holds',
    })
    if (ticked) this.#ledger.steps = this.#checklist.done()
  }

  async #restart(): Promise<void> {
    this.#ledger.restart(await this.#server.totals())
    this.#roster.clear()
    this.#checklist.restore([])
    this.#equation.clear()
    this.#show()
    await this.#ledger.save()
  }
}

async function start(): Promise<void> {
  const config = await readConfig()
  const server = new Server(config)
  const ledger = await Ledger.open(config.key, server)
  const dashboard = new Dashboard(server, ledger)
  // From now on, no click is ignored.
  byId('work').inert = false
  await dashboard.run()
}

start().catch((error: unknown) => {
  setText(byId('evaluation'), `The demo failed to start: ${String(error)}. Reload the page when the server is running.`)
})
