// Where each event of a tab is. Every number that the tab assigned is in exactly one place, so the
// places always add up to what was made.

import { between, common, count, minus, type Ranges, union } from './ranges.ts'
import type { ProducerRow } from './server.ts'

/** How many events are in each place. */
export interface Places {
  stored: number
  /** In localStorage, with a key each. */
  keys: number
  /** In localStorage, in blocks. */
  blocks: number
  /** In IndexedDB. */
  overflow: number
  /** Only in the memory of an open tab. */
  memory: number
  /** In none of these places at the moment: on the way between two of them, or lost. */
  unseen: number
  dropped: number
  /** Lost according to the server, or unseen for too long. */
  lost: number
}

/** A producer's numbers in this browser's storage. */
export interface Held {
  keys: Ranges
  blocks: Ranges
  overflow: Ranges
}

export interface Numbered {
  /** Numbers up to this one were made before counting began. */
  madeBefore: number
  /** Numbers up to this one were assigned by calls that returned. */
  returned: number
  /** The number of a call that has not returned, or the same as `returned`. */
  made: number
  /** The unanswered events that an open tab has; 0 if the tab has ended. */
  queued: number
}

export const NOWHERE: Places = {
  stored: 0,
  keys: 0,
  blocks: 0,
  overflow: 0,
  memory: 0,
  unseen: 0,
  dropped: 0,
  lost: 0,
}

export const NOTHING_HELD: Held = { keys: [], blocks: [], overflow: [] }

export function sum(all: Iterable<Places>): Places {
  const total = { ...NOWHERE }
  for (const places of all) for (const name of Object.keys(total) as (keyof Places)[]) total[name] += places[name]
  return total
}

export function made(places: Places): number {
  return Object.values(places).reduce((total, part) => total + part, 0)
}

/** Events that this browser still has. */
export function waiting({ keys, blocks, overflow, memory }: Places): number {
  return keys + blocks + overflow + memory
}

/** Where a tab's events are, and the numbers that were seen nowhere. */
export function place(tab: Numbered, row: ProducerRow | undefined, held: Held): { places: Places; unseen: Ranges } {
  const known = between(1, row?.made ?? 0)
  const dropped = union(...(row?.declared ?? []).map(({ ranges }) => ranges))
  const holes = row?.holes ?? []
  const stored = minus(minus(known, holes), dropped)
  // A call that never returned promised nothing, so its event counts only if it is somewhere.
  const unreturned = common(
    between(tab.returned + 1, tab.made),
    union(stored, dropped, held.keys, held.blocks, held.overflow),
  )
  let open = union(between(tab.madeBefore + 1, tab.returned), minus(unreturned, between(1, tab.madeBefore)))
  const take = (numbers: Ranges): number => {
    const before = count(open)
    open = minus(open, numbers)
    return before - count(open)
  }
  const places = { ...NOWHERE }
  // The server's answer is newer than what was read in this browser, so it comes first.
  places.stored = take(stored)
  places.dropped = take(dropped)
  if (row?.verdict === 'lost') places.lost = take(holes)
  places.keys = take(held.keys)
  places.blocks = take(held.blocks)
  places.overflow = take(held.overflow)
  const inStorage = count(minus(union(held.keys, held.blocks, held.overflow), union(stored, dropped)))
  places.memory = Math.min(count(open), Math.max(0, tab.queued - inStorage))
  places.unseen = count(open) - places.memory
  return { places, unseen: open }
}
