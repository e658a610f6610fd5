// The recorder: how many events each tab announced. It only receives announcements, and never uses
// the SDK.
import type { TabCount } from './channel.ts'
import { type Ranges, union } from './ranges.ts'

/** What is known of a tab, also after it has ended. */
export interface RecordedTab extends TabCount {
  number: number
  producer: string
  /** Events made before the last reset. */
  madeBefore: number
  /** Events that only the tab's memory had when `track()` returned. */
  unstored: Ranges
}

export interface Recording {
  tabs: Record<string, RecordedTab>
  lastNumber: number
}

export class Recorder {
  #tabs = new Map<string, RecordedTab>()
  #lastNumber = 0

  /**
   * Counts only increase, so old records, late messages and other dashboards merge by taking the
   * maximum.
   */
  merge(recording: Recording): void {
    this.#lastNumber = Math.max(this.#lastNumber, recording.lastNumber)
    for (const [id, theirs] of Object.entries(recording.tabs)) {
      const ours = this.#tabs.get(id)
      if (!ours) {
        this.#tabs.set(id, { ...theirs, unstored: theirs.unstored ?? [] })
        continue
      }
      ours.producer ||= theirs.producer
      ours.unstored = union(ours.unstored, theirs.unstored ?? [])
      this.count(id, theirs)
    }
  }

  recording(): Recording {
    return { tabs: Object.fromEntries(this.#tabs), lastNumber: this.#lastNumber }
  }

  /** The tab of this id; a new one gets the next number. */
  tab(id: string): RecordedTab {
    let tab = this.#tabs.get(id)
    if (!tab) {
      this.#lastNumber += 1
      tab = { number: this.#lastNumber, made: 0, returned: 0, producer: '', madeBefore: 0, unstored: [] }
      this.#tabs.set(id, tab)
    }
    return tab
  }

  has(id: string): boolean {
    return this.#tabs.has(id)
  }

  tabs(): ReadonlyMap<string, RecordedTab> {
    return this.#tabs
  }

  /** A tab that is about to make event 8 has made 7, so this also updates `returned`. */
  making(id: string, made: number): void {
    this.count(id, { made, returned: made - 1 })
  }

  unstored(id: string, number: number): void {
    const tab = this.tab(id)
    tab.unstored = union(tab.unstored, [[number, number]])
  }

  count(id: string, count: TabCount): void {
    const tab = this.tab(id)
    tab.made = Math.max(tab.made, count.made)
    tab.returned = Math.max(tab.returned, count.returned)
  }

  /**
   * The last announcement of a killed tab can be lost although its event is stored. Then the
   * highest sequence number that the server or this browser's storage has of that producer is the
   * larger count. Taking the maximum never hides a loss.
   */
  raiseTo(producer: string, highestSeq: number): void {
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

  /** A copy of what is known now, so that it can be compared with answers that arrive later. */
  snapshot(): Map<string, RecordedTab> {
    return new Map([...this.#tabs].map(([id, tab]) => [id, { ...tab }]))
  }

  /**
   * Resets the count of one tab, or of all. A tab that is still open is counted from its current
   * value.
   */
  restart(id?: string): void {
    for (const [known, tab] of this.#tabs) if (id === undefined || id === known) tab.madeBefore = tab.returned
  }
}
