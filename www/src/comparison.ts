import type { Channel } from './channel.ts'
import { byId, setText } from './element.ts'
import { format } from './equation.ts'
import { takeKept, type Way } from './rivals.ts'

const WAYS: (Way | 'lamplight')[] = ['array', 'mutex', 'web_locks', 'lamplight']
const BEATS = 300
const BEAT_MS = 10
/** For the last writes of every tab to reach this page's copy of localStorage. */
const SETTLE_MS = 1_500
const ARRIVE_MS_MAX = 30_000

/** What the comparison needs to know of the page around it. */
export interface Bench {
  channel: Channel
  openTabs: () => number
  /** Rows that the server has stored so far. */
  stored: () => number
}

/** The same load on one array in localStorage, kept in three ways, and on Lamplight: how many of the made are kept. */
export class Comparison {
  readonly #bench: Bench
  readonly #button = byId<HTMLButtonElement>('compare')
  #made = new Map<string, number>()
  #isRunning = false

  constructor(bench: Bench) {
    this.#bench = bench
    this.#button.addEventListener('click', () => void this.#run())
  }

  /** A tab tells how many it made. */
  hear(tab: string, made: number): void {
    this.#made.set(tab, made)
  }

  show(): void {
    this.#button.disabled = this.#isRunning || this.#bench.openTabs() < 2
    if (this.#isRunning) return
    const tabs = this.#bench.openTabs()
    setText(byId('compare-note'), tabs < 2 ? 'Needs two open tabs.' : `${tabs} tabs, three seconds each way.`)
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    this.show()
    try {
      for (const way of WAYS) await this.#try(way)
    } finally {
      this.#isRunning = false
      this.show()
    }
  }

  async #try(way: Way | 'lamplight'): Promise<void> {
    const row = byId(`compare-${way}`)
    setText(byId('compare-note'), `Now: ${row.firstElementChild?.textContent ?? way}.`)
    this.#made.clear()
    takeKept(localStorage)
    const storedBefore = this.#bench.stored()
    this.#bench.channel.say({ kind: 'compare', way })
    for (let beat = 0; beat < BEATS; beat += 1) {
      await pause(BEAT_MS)
      this.#bench.channel.say({ kind: 'beat' })
    }
    this.#bench.channel.say({ kind: 'compare_end' })
    await pause(SETTLE_MS)
    const made = [...this.#made.values()].reduce((sum, count) => sum + count, 0)
    const kept = way === 'lamplight' ? await this.#arrived(storedBefore, made) : takeKept(localStorage)
    this.#showRow(row, made, kept)
  }

  /** Events that are the server's now. */
  async #arrived(storedBefore: number, made: number): Promise<number> {
    const endMs = performance.now() + ARRIVE_MS_MAX
    while (this.#bench.stored() - storedBefore < made && performance.now() < endMs) await pause(BEAT_MS)
    return Math.min(made, this.#bench.stored() - storedBefore)
  }

  #showRow(row: HTMLElement, made: number, kept: number): void {
    const lost = Math.max(0, made - kept)
    const share = made === 0 ? 0 : (100 * lost) / made
    const cell = (name: string): Element => row.querySelector(`.${name}`) ?? row
    setText(cell('made'), format(made))
    setText(cell('kept'), format(kept))
    setText(cell('lost'), lost === 0 ? '0' : `${format(lost)} (${share.toFixed(share < 10 ? 1 : 0)}%)`)
    row.dataset['lost'] = String(lost > 0)
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
