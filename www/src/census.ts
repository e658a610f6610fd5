// Counts where the events of every tab are, from one look at this browser and the server's answer.
import type { LockKeys, StoredKeys } from './local_storage.ts'
import { MissingWatch } from './missing.ts'
import type { Overflow } from './overflow.ts'
import { type Held, NOTHING_HELD, NOWHERE, type Places, place, sum } from './places.ts'
import type { Producers } from './producers.ts'
import { common, count, minus, union } from './ranges.ts'
import type { RecordedTab } from './recorder.ts'

/** What this browser had at one moment. */
export interface Look {
  tabs: Map<string, RecordedTab>
  /** The unanswered events that each open tab has, by the tab's id. */
  queued: ReadonlyMap<string, number>
  keys: StoredKeys
  /** Undefined if IndexedDB could not be read. */
  overflow: Overflow | undefined
}

export interface Census {
  total: Places
  byTab: ReadonlyMap<string, Places>
  dropReasons: readonly string[]
  /** Lost events for which `track()` had returned `stored: false`. */
  lostInMemory: number
  /** Events in this browser from tabs that are not counted, or from before counting began. */
  uncounted: number
  bytes: { keys: number; blocks: number; overflow: number }
  overflowIsRead: boolean
  lock: LockKeys
}

export class CensusTaker {
  #watches = new Map<string, MissingWatch>()

  /**
   * The look must be older than the server's answer: an event that moved in between is then at the
   * server, and not missing.
   */
  take(look: Look, producers: Producers, oldestMs: number, nowMs: number): Census {
    const held = heldBy(look)
    const byTab = new Map<string, Places>()
    const dropReasons = new Set<string>()
    let waiting = 0
    let lostInMemory = 0
    for (const [id, tab] of look.tabs) {
      const row = producers.row(tab.producer)
      const queued = look.queued.get(id) ?? 0
      const { places, unseen } = place({ ...tab, queued }, row, held.get(tab.producer) ?? NOTHING_HELD)
      // Unread IndexedDB may have any of them.
      const watch = this.#watch(id)
      const lost = look.overflow ? watch.update(unseen, places.memory, oldestMs, nowMs) : 0
      places.lost += lost
      places.unseen -= lost
      const holes = row?.verdict === 'lost' ? row.holes : []
      if (places.lost > 0) lostInMemory += count(common(tab.unstored, union(watch.lost, holes)))
      byTab.set(id, places)
      waiting += places.keys + places.blocks + places.overflow
      if (places.dropped > 0) for (const { reason } of row?.declared ?? []) dropReasons.add(reason)
    }
    const { singleBytes, blockBytes, lock } = look.keys
    return {
      total: sum(byTab.values()),
      byTab,
      dropReasons: [...dropReasons],
      lostInMemory,
      uncounted: unanswered(held, producers) - waiting,
      bytes: { keys: singleBytes, blocks: blockBytes, overflow: look.overflow?.bytes ?? 0 },
      overflowIsRead: look.overflow !== undefined,
      lock,
    }
  }

  clear(): void {
    this.#watches.clear()
  }

  #watch(id: string): MissingWatch {
    const watch = this.#watches.get(id) ?? new MissingWatch()
    this.#watches.set(id, watch)
    return watch
  }
}

export const EMPTY_CENSUS: Census = {
  total: NOWHERE,
  byTab: new Map(),
  dropReasons: [],
  lostInMemory: 0,
  uncounted: 0,
  bytes: { keys: 0, blocks: 0, overflow: 0 },
  overflowIsRead: true,
  lock: { y: '', lease: '' },
}

function heldBy({ keys, overflow }: Look): Map<string, Held> {
  const producers = new Set([...keys.singles.keys(), ...keys.blocks.keys(), ...(overflow?.byProducer.keys() ?? [])])
  return new Map(
    [...producers].map((producer) => [
      producer,
      {
        keys: keys.singles.get(producer) ?? [],
        blocks: keys.blocks.get(producer) ?? [],
        overflow: overflow?.byProducer.get(producer) ?? [],
      },
    ]),
  )
}

/** Events in this browser that the server does not have. */
function unanswered(held: ReadonlyMap<string, Held>, producers: Producers): number {
  let total = 0
  for (const [producer, { keys, blocks, overflow }] of held) {
    total += count(minus(union(keys, blocks, overflow), producers.arrived(producer)))
  }
  return total
}
