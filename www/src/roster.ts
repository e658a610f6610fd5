// The tabs that the dashboard has heard of, and whether they live.
import { type FromTab, type LockTurn, lifeLockName, type TabStatus } from './channel.ts'
import type { Witness } from './witness.ts'

/** `silent`: it holds its life lock and does not speak, so it is frozen or busy. `killed`: gone without a goodbye. */
export type Life = 'alive' | 'silent' | 'closed' | 'killed'

export interface Tab {
  id: string
  number: number
  status: TabStatus | undefined
  life: Life
  heardMs: number
  /** Numbers of the tabs that sent what this one left behind. */
  adoptedBy: Set<number>
}

const SILENT_AFTER_MS = 4_000
const BORN_GRACE_MS = 2_000

export class Roster {
  #tabs = new Map<string, Tab>()
  readonly #witness: Witness

  constructor(witness: Witness) {
    this.#witness = witness
  }

  tabs(): Tab[] {
    return [...this.#tabs.values()].sort((a, b) => a.number - b.number)
  }

  alive(): Tab[] {
    return this.tabs().filter((tab) => tab.life === 'alive' || tab.life === 'silent')
  }

  gone(): Tab[] {
    return this.tabs().filter((tab) => tab.life === 'closed' || tab.life === 'killed')
  }

  /** Takes what a tab said. Returns true when the tab was not known before. */
  hear(message: FromTab, nowMs: number): boolean {
    const isNew = !this.#tabs.has(message.tab)
    const tab = this.#tab(message.tab)
    tab.heardMs = nowMs
    switch (message.kind) {
      case 'making':
        this.#witness.making(message.tab, message.made)
        break
      case 'returned':
        this.#witness.count(message.tab, message)
        break
      case 'status':
        this.#witness.count(message.tab, message)
        this.#witness.tab(message.tab).producer = message.status.producer
        tab.status = message.status
        tab.life = 'alive'
        break
      case 'adopted':
        this.#recordAdoption(message.producer, tab.number)
        break
      case 'compared':
        break
      case 'goodbye':
        this.#witness.count(message.tab, message)
        tab.life = 'closed'
        break
    }
    return isNew
  }

  /** Tabs of an earlier visit to this page, from the record. */
  recall(): void {
    for (const [id, kept] of this.#witness.tabs()) {
      if (kept.madeBefore > 0 && kept.madeBefore === kept.made) continue
      const tab = this.#tab(id)
      tab.number = kept.number
      if (!tab.status) tab.life = 'closed'
    }
  }

  /** A Web Lock outlives no process: a tab whose lock is gone, and that said no goodbye, was killed. */
  async checkLives(nowMs: number): Promise<void> {
    const held = await heldLocks()
    for (const tab of this.#tabs.values()) {
      if (tab.life === 'closed' || tab.life === 'killed') continue
      const quietMs = nowMs - tab.heardMs
      if (held && !held.has(lifeLockName(tab.id)) && quietMs > BORN_GRACE_MS) tab.life = 'killed'
      else if (quietMs > SILENT_AFTER_MS) tab.life = held ? 'silent' : 'killed'
      else tab.life = 'alive'
    }
  }

  /** The tab that works for those that are gone, if it still lives. */
  lockOwner(): Tab | undefined {
    const [latest] = this.lockTurns(1)
    return (
      latest &&
      this.alive().find((tab) => tab.status?.producer === latest.holder && tab.status.lockHolder === latest.holder)
    )
  }

  /** Who worked for the tabs that are gone, newest first. Each tab saw each turn at a time of its own; the earliest counts. */
  lockTurns(limit: number): LockTurn[] {
    const turns = new Map<string, LockTurn>()
    for (const turn of this.tabs().flatMap((tab) => tab.status?.lockTurns ?? [])) {
      const name = `${turn.epoch} ${turn.holder}`
      const known = turns.get(name)
      if (!known || turn.since < known.since) turns.set(name, turn)
    }
    return [...turns.values()].sort((a, b) => b.epoch - a.epoch).slice(0, limit)
  }

  clear(): void {
    for (const tab of this.gone()) this.#tabs.delete(tab.id)
  }

  #tab(id: string): Tab {
    let tab = this.#tabs.get(id)
    if (!tab) {
      const { number } = this.#witness.tab(id)
      tab = { id, number, status: undefined, life: 'alive', heardMs: 0, adoptedBy: new Set() }
      this.#tabs.set(id, tab)
    }
    return tab
  }

  #recordAdoption(producer: string, by: number): void {
    const left = [...this.#tabs.values()].find((tab) => this.#witness.tab(tab.id).producer === producer)
    left?.adoptedBy.add(by)
  }
}

async function heldLocks(): Promise<Set<string> | undefined> {
  if (!navigator.locks) return undefined
  const { held } = await navigator.locks.query()
  return new Set(held?.map((lock) => lock.name ?? ''))
}
