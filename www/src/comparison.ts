import { takeKept, type Way } from './alternatives.ts'
import type { Channel } from './channel.ts'
import { byId, setText } from './element.ts'
import { format } from './equation.ts'

const WAYS: (Way | 'lamplight')[] = ['array', 'mutex', 'web_locks', 'lamplight']
const STEPS = 300
const STEP_MS = 10
/** Time for the last writes of every tab to reach this page's copy of localStorage. */
const SETTLE_MS = 1_500
const ARRIVE_MS_MAX = 30_000

/** What the comparison needs from the dashboard. */
export interface Surroundings {
  channel: Channel
  openTabs: () => number
  /** Events of the tabs that the server has stored so far. */
  stored: () => number
}

/**
 * Puts the same load on one array in localStorage, stored in three ways, and on Lamplight, and
 * counts losses.
 */
export class Comparison {
  readonly #surroundings: Surroundings
  readonly #button = byId<HTMLButtonElement>('compare')
  #made = new Map<string, number>()
  #isRunning = false

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
    this.#button.addEventListener('click', () => void this.#run())
  }

  /** Records how many events a tab made. */
  record(tab: string, made: number): void {
    this.#made.set(tab, made)
  }

  show(): void {
    this.#button.disabled = this.#isRunning || this.#surroundings.openTabs() < 2
    if (this.#isRunning) return
    const tabs = this.#surroundings.openTabs()
    setText(byId('compare-note'), tabs < 2 ? 'Needs two open tabs.' : `${tabs} tabs, three seconds for each method.`)
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
    setText(byId('compare-note'), `Running: ${row.firstElementChild?.textContent ?? way}.`)
    this.#made.clear()
    takeKept(localStorage)
    const storedBefore = this.#surroundings.stored()
    this.#surroundings.channel.send({ kind: 'compare', way })
    for (let step = 0; step < STEPS; step += 1) {
      await pause(STEP_MS)
      this.#surroundings.channel.send({ kind: 'step' })
    }
    this.#surroundings.channel.send({ kind: 'compare_end' })
    await pause(SETTLE_MS)
    const made = [...this.#made.values()].reduce((sum, count) => sum + count, 0)
    const kept = way === 'lamplight' ? await this.#arrived(storedBefore, made) : takeKept(localStorage)
    this.#showRow(row, made, kept)
  }

  /** Waits for the events to arrive at the server, and returns how many did. */
  async #arrived(storedBefore: number, made: number): Promise<number> {
    const endMs = performance.now() + ARRIVE_MS_MAX
    while (this.#surroundings.stored() - storedBefore < made && performance.now() < endMs) await pause(STEP_MS)
    return Math.min(made, this.#surroundings.stored() - storedBefore)
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
