// The tabs that the dashboard knows, and whether they are alive.
import { type FromTab, type LockTurn, lifeLockName, type TabStatus } from './channel.ts'
import type { Recorder } from './recorder.ts'

/**
 * `silent`: the tab holds its lock but sends nothing, so it is frozen or busy. `killed`: it ended
 * without announcing that it closes.
 */
export type Life = 'alive' | 'silent' | 'closed' | 'killed'

export interface Tab {
  id: string
  number: number
  status: TabStatus | undefined
  life: Life
  lastMessageMs: number
  /** Numbers of the tabs that sent this tab's orphaned events. */
  adoptedBy: Set<number>
}

const SILENT_AFTER_MS = 4_000
const BORN_GRACE_MS = 2_000
/** Browsers run the timers of hidden tabs once a minute. */
const SEEN_LATE_MS_MAX = 65_000

export class Roster {
  #tabs = new Map<string, Tab>()
  readonly #recorder: Recorder

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  tabs(): Tab[] {
    return [...this.#tabs.values()].sort((a, b) => a.number - b.number)
  }

  alive(): Tab[] {
    return this.tabs().filter((tab) => tab.life === 'alive' || tab.life === 'silent')
  }

  ended(): Tab[] {
    return this.tabs().filter((tab) => tab.life === 'closed' || tab.life === 'killed')
  }

  /** Handles a message of a tab. Returns whether the tab is new. */
  handle(message: FromTab, nowMs: number): boolean {
    const isNew = !this.#tabs.has(message.tab)
    const tab = this.#tab(message.tab)
    tab.lastMessageMs = nowMs
    switch (message.kind) {
      case 'making':
        this.#recorder.making(message.tab, message.made)
        break
      case 'unstored':
        this.#recorder.unstored(message.tab, message.number)
        break
      case 'returned':
        this.#recorder.count(message.tab, message)
        break
      case 'status':
        this.#recorder.count(message.tab, message)
        this.#recorder.tab(message.tab).producer = message.status.producer
        tab.status = message.status
        tab.life = 'alive'
        break
      case 'adopted':
        this.#recordAdoption(message.producer, tab.number)
        break
      case 'compared':
        break
      case 'closing':
        this.#recorder.count(message.tab, message)
        tab.life = 'closed'
        break
    }
    return isNew
  }

  /** Adds the tabs of earlier visits from the recording. */
  restore(): void {
    for (const [id, kept] of this.#recorder.tabs()) {
      if (kept.madeBefore > 0 && kept.madeBefore === kept.made) continue
      const tab = this.#tab(id)
      tab.number = kept.number
      if (!tab.status) tab.life = 'closed'
    }
  }

  /**
   * A process that ends releases its Web Locks, so a tab without its lock that announced no closing
   * was killed.
   */
  async checkLives(nowMs: number): Promise<void> {
    const held = await heldLocks()
    for (const tab of this.#tabs.values()) {
      if (tab.life === 'closed' || tab.life === 'killed') continue
      const quietMs = nowMs - tab.lastMessageMs
      if (held && !held.has(lifeLockName(tab.id)) && quietMs > BORN_GRACE_MS) tab.life = 'killed'
      else if (quietMs > SILENT_AFTER_MS) tab.life = held ? 'silent' : 'killed'
      else tab.life = 'alive'
    }
  }

  /**
   * The holders of the tab lock, newest first. A holder knows best when its turn began. Other tabs
   * see it later, and count where the holder ended before it could say so. Turns are numbered from
   * 1 again after the lock was free, so time orders them.
   */
  lockTurns(limit: number): LockTurn[] {
    const seen = this.tabs().flatMap(
      ({ status }) => status?.lockTurns.map((turn) => ({ turn, by: status.producer })) ?? [],
    )
    const turns = seen.filter(({ turn, by }) => turn.holder === by).map(({ turn }) => turn)
    for (const { turn } of seen) if (!turns.some((known) => isSameTurn(known, turn))) turns.push(turn)
    return turns.sort((a, b) => b.since - a.since).slice(0, limit)
  }

  clear(): void {
    for (const tab of this.ended()) this.#tabs.delete(tab.id)
  }

  #tab(id: string): Tab {
    let tab = this.#tabs.get(id)
    if (!tab) {
      const { number } = this.#recorder.tab(id)
      tab = { id, number, status: undefined, life: 'alive', lastMessageMs: 0, adoptedBy: new Set() }
      this.#tabs.set(id, tab)
    }
    return tab
  }

  #recordAdoption(producer: string, by: number): void {
    const left = [...this.#tabs.values()].find((tab) => this.#recorder.tab(tab.id).producer === producer)
    left?.adoptedBy.add(by)
  }
}

function isSameTurn(a: LockTurn, b: LockTurn): boolean {
  return a.holder === b.holder && a.epoch === b.epoch && Math.abs(a.since - b.since) < SEEN_LATE_MS_MAX
}

async function heldLocks(): Promise<Set<string> | undefined> {
  if (!navigator.locks) return undefined
  const { held } = await navigator.locks.query()
  return new Set(held?.map((lock) => lock.name ?? ''))
}
