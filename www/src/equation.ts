// The equation: made = stored, duplicates 0, holes 0. Pure: numbers in, verdict out.
import type { Made } from './witness.ts'

export type State = 'idle' | 'holds' | 'on_the_way' | 'broken' | 'unknown'

export interface Facts {
  made: Made
  /** Rows in the server's table since counting began; undefined while the server has not answered. */
  stored: number | undefined
  /** Numbers that the server says were made and have not arrived, by what it thinks of them. */
  inFlight: number
  declared: number
  lost: number
  /** Events in this browser: in storage, or in a tab's memory. */
  waiting: number
  /** Events that storage had no room for, in tabs that are gone now. */
  diedInMemory: number
  /** Payloads that the server has saved and not yet worked through. */
  serverDepth: number
  /** Time since any of these numbers last changed. */
  quietMs: number
}

export interface Verdict {
  state: State
  made: number
  stored: number
  duplicates: number
  holes: number
  text: string
}

/** Announcements and the server's totals come by different roads; a surplus this short-lived means nothing. */
const SURPLUS_GRACE_MS = 3_000
/** With nothing waiting anywhere and nothing moving for this long, what is missing is missing. */
const MISSING_GRACE_MS = 15_000

const plural = (count: number, one: string, many: string): string => `${format(count)} ${count === 1 ? one : many}`

export const format = (count: number): string => count.toLocaleString('en-US')

export function judge(facts: Facts): Verdict {
  const stored = facts.stored ?? 0
  // A call that never returned promised nothing; it counts as made only if its event did get through.
  const made = facts.made.certain + Math.min(facts.made.unreturned, Math.max(0, stored - facts.made.certain))
  const holes = facts.inFlight + facts.declared + facts.lost
  const surplus = Math.max(0, stored - made)
  const missing = Math.max(0, made - stored)
  const duplicates = facts.quietMs >= SURPLUS_GRACE_MS ? surplus : 0
  const numbers = { made, stored, duplicates, holes }

  if (facts.stored === undefined) {
    return { ...numbers, state: 'unknown', text: 'The server has not answered yet.' }
  }
  if (duplicates > 0) {
    return { ...numbers, state: 'broken', text: `Broken: ${plural(duplicates, 'row', 'rows')} more than were made.` }
  }
  if (facts.lost > 0) {
    return { ...numbers, state: 'broken', text: `Broken: ${plural(facts.lost, 'event is', 'events are')} lost.` }
  }
  if (facts.declared > 0) {
    const what = plural(facts.declared, 'event was', 'events were')
    return { ...numbers, state: 'broken', text: `Broken, and not silently: ${what} given up by a tab, with a reason.` }
  }
  if (missing > 0 && facts.waiting === 0 && facts.serverDepth === 0 && facts.quietMs >= MISSING_GRACE_MS) {
    return { ...numbers, state: 'broken', text: missingText(facts, missing) }
  }
  if (missing > 0 || surplus > 0 || holes > 0) {
    return { ...numbers, state: 'on_the_way', text: onTheWay(facts, Math.max(missing, surplus, holes)) }
  }
  if (made === 0) return { ...numbers, state: 'idle', text: 'Nothing made yet. Open a tab to begin.' }
  return {
    ...numbers,
    state: 'holds',
    text:
      made === 1
        ? 'Holds: the one event made is in the database, once.'
        : `Holds: each of the ${format(made)} events is in the database exactly once.`,
  }
}

function missingText(facts: Facts, missing: number): string {
  if (facts.diedInMemory === 0) return `Broken: ${plural(missing, 'event is', 'events are')} nowhere.`
  const what = plural(missing, 'event', 'events')
  return `${what} died with their tabs: storage had no room for them, and track() had said so (stored: false).`
}

function onTheWay(facts: Facts, count: number): string {
  const places = []
  if (facts.waiting > 0) places.push(`${format(facts.waiting)} wait in this browser`)
  if (facts.serverDepth > 0)
    places.push(`${plural(facts.serverDepth, 'batch', 'batches')} saved by the server, not yet worked through`)
  const where = places.length > 0 ? `: ${places.join(', ')}` : ''
  return `${format(count)} on the way${where}.`
}
