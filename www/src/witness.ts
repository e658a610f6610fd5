// The witness: how many events each tab said it would make. It hears announcements only; it never asks the SDK.
import type { TabCount } from './channel.ts'

/** What is kept of a tab, also after it is gone. */
export interface WitnessedTab extends TabCount {
  number: number
  producer: string
  /** What it had made when counting began anew. */
  madeBefore: number
  /** Events that storage had no room for, when last looked. They die with the tab. */
  inMemory: number
}

export interface WitnessRecord {
  tabs: Record<string, WitnessedTab>
  lastNumber: number
}

export interface Made {
  /** Events whose `track()` returned, by the tabs' own count. */
  certain: number
  /** Calls that were announced and never came back, because the tab was killed inside them: at most one a tab. */
  unreturned: number
}

export class Witness {
  #tabs = new Map<string, WitnessedTab>()
  #lastNumber = 0

  /** Counts only grow, so an old record, a late message and a second dashboard all merge by taking the larger. */
  merge(record: WitnessRecord): void {
    this.#lastNumber = Math.max(this.#lastNumber, record.lastNumber)
    for (const [id, theirs] of Object.entries(record.tabs)) {
      const ours = this.#tabs.get(id)
      if (!ours) {
        this.#tabs.set(id, { ...theirs })
        continue
      }
      ours.producer ||= theirs.producer
      this.count(id, theirs)
    }
  }

  record(): WitnessRecord {
    return { tabs: Object.fromEntries(this.#tabs), lastNumber: this.#lastNumber }
  }

  /** The tab of this id; a new one gets the next number. */
  tab(id: string): WitnessedTab {
    let tab = this.#tabs.get(id)
    if (!tab) {
      this.#lastNumber += 1
      tab = { number: this.#lastNumber, made: 0, returned: 0, producer: '', madeBefore: 0, inMemory: 0 }
      this.#tabs.set(id, tab)
    }
    return tab
  }

  has(id: string): boolean {
    return this.#tabs.has(id)
  }

  tabs(): ReadonlyMap<string, WitnessedTab> {
    return this.#tabs
  }

  /** A tab about to make event 8 has made 7, so `making` alone also moves `returned`. */
  making(id: string, made: number): void {
    this.count(id, { made, returned: made - 1 })
  }

  count(id: string, count: TabCount): void {
    const tab = this.tab(id)
    tab.made = Math.max(tab.made, count.made)
    tab.returned = Math.max(tab.returned, count.returned)
  }

  /**
   * The last announcement of a killed tab can die with it while the event itself is safe. The server's highest
   * number for that producer is then the larger, stricter count. Taking the larger can never hide a loss.
   */
  learnHighestSeq(producer: string, highestSeq: number): void {
    for (const tab of this.#tabs.values()) {
      if (tab.producer !== producer) continue
      tab.made = Math.max(tab.made, highestSeq)
      tab.returned = Math.max(tab.returned, highestSeq)
    }
  }

  numberOf(producer: string): number | undefined {
    for (const tab of this.#tabs.values()) if (tab.producer === producer) return tab.number
    return undefined
  }

  made(): Made {
    let certain = 0
    let unreturned = 0
    for (const tab of this.#tabs.values()) {
      certain += tab.returned - tab.madeBefore
      unreturned += tab.made - tab.returned
    }
    return { certain, unreturned }
  }

  /** Counts from here: one tab, or all. A tab that goes on is counted from where it stands. */
  startAnew(id?: string): void {
    for (const [known, tab] of this.#tabs) if (id === undefined || id === known) tab.madeBefore = tab.returned
  }
}
