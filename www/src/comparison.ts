import { takeKept, type Way } from './alternatives.ts'
import type { Channel } from './channel.ts'
import { byId, setText } from './element.ts'
import { format } from './equation.ts'
import type { Ranges } from './ranges.ts'

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
  /** How many of a tab's events with these numbers the server has stored so far. */
  stored: (tab: string, numbers: Ranges) => number
  /** Events of all tabs that are lost so far. */
  lost: () => number
}

/**
 * Puts the same load on one array in localStorage, stored in three ways, and on Lamplight, and
 * counts losses.
 */
export class Comparison {
  readonly #surroundings: Surroundings
  readonly #button = byId<HTMLButtonElement>('compare')
  #made = new Map<string, { made: number; numbers: Ranges }>()
  #isRunning = false

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
    this.#button.addEventListener('click', () => void this.#run())
  }

  /** Records how many events a tab made. */
  record(tab: string, made: number, numbers: Ranges): void {
    this.#made.set(tab, { made, numbers })
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
    const lostBefore = this.#surroundings.lost()
    this.#surroundings.channel.send({ kind: 'compare', way })
    for (let step = 0; step < STEPS; step += 1) {
      await pause(STEP_MS)
      this.#surroundings.channel.send({ kind: 'step' })
    }
    this.#surroundings.channel.send({ kind: 'compare_end' })
    await pause(SETTLE_MS)
    const made = [...this.#made.values()].reduce((sum, tab) => sum + tab.made, 0)
    if (way === 'lamplight') {
      const kept = await this.#arrived(made)
      // What has not arrived after this time still waits in the browser, unless it is lost.
      this.#showRow(row, made, kept, Math.min(made - kept, this.#surroundings.lost() - lostBefore))
    } else {
      const kept = takeKept(localStorage)
      this.#showRow(row, made, kept, made - kept)
    }
  }

  /** Waits for the events to arrive at the server, and returns how many did. */
  async #arrived(made: number): Promise<number> {
    const endMs = performance.now() + ARRIVE_MS_MAX
    const stored = (): number =>
      [...this.#made].reduce((sum, [tab, { numbers }]) => sum + this.#surroundings.stored(tab, numbers), 0)
    while (stored() < made && performance.now() < endMs) await pause(STEP_MS)
    return stored()
  }

  #showRow(row: HTMLElement, made: number, kept: number, lost: number): void {
    const share = made === 0 ? 0 : (100 * lost) / made
    const onTheWay = made - kept - lost
    const cell = (name: string): Element => row.querySelector(`.${name}`) ?? row
    setText(cell('made'), format(made))
    setText(cell('kept'), format(kept))
    const lostText = lost <= 0 ? '0' : `${format(lost)} (${share.toFixed(share < 10 ? 1 : 0)}%)`
    setText(cell('lost'), onTheWay > 0 ? `${lostText}, ${format(onTheWay)} on the way` : lostText)
    row.dataset['lost'] = String(lost > 0)
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
