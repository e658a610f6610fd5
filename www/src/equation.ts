// The equation: made = stored, duplicates 0, holes 0. It is a pure function of the counts.
import type { Made } from './recorder.ts'

export type State = 'idle' | 'holds' | 'on_the_way' | 'broken' | 'unknown'

export interface Facts {
  made: Made
  /**
   * Rows in the server's table since counting began; undefined while the server has not answered.
   */
  stored: number | undefined
  /** Sequence numbers that have not arrived at the server, by its classification. */
  inFlight: number
  declared: number
  lost: number
  /** Events in this browser: in storage or in a tab's memory. */
  waiting: number
  /** Events that storage had no room for, in tabs that have closed since. */
  lostInMemory: number
  /** Payloads that the server has stored and not yet processed. */
  serverDepth: number
  /** Time since any of these numbers last changed. */
  quietMs: number
}

export interface Evaluation {
  state: State
  made: number
  stored: number
  duplicates: number
  holes: number
  text: string
}

/**
 * The server's totals may arrive before an announcement, so a surplus shorter than this is ignored.
 */
const SURPLUS_GRACE_MS = 3_000
/** If nothing waits and no number changes for this long, missing events count as lost. */
const MISSING_GRACE_MS = 15_000

const plural = (count: number, one: string, many: string): string => `${format(count)} ${count === 1 ? one : many}`

export const format = (count: number): string => count.toLocaleString('en-US')

export function evaluate(facts: Facts): Evaluation {
  const stored = facts.stored ?? 0
  // A call that never returned promised nothing, so it counts as made only if its event arrived.
  const made = facts.made.certain + Math.min(facts.made.unreturned, Math.max(0, stored - facts.made.certain))
  const holes = facts.inFlight + facts.declared + facts.lost
  const surplus = Math.max(0, stored - made)
  const missing = Math.max(0, made - stored)
  const duplicates = facts.quietMs >= SURPLUS_GRACE_MS ? surplus : 0
  const numbers = { made, stored, duplicates, holes }

  if (facts.stored === undefined) {
    return { ...numbers, state: 'unknown', text: 'The server has not responded yet.' }
  }
  if (duplicates > 0) {
    return {
      ...numbers,
      state: 'broken',
      text: `Broken: the server has ${plural(duplicates, 'row', 'rows')} more than events were made.`,
    }
  }
  if (facts.lost > 0) {
    return { ...numbers, state: 'broken', text: `Broken: ${plural(facts.lost, 'event is', 'events are')} lost.` }
  }
  if (facts.declared > 0) {
    const what = plural(facts.declared, 'event', 'events')
    return { ...numbers, state: 'broken', text: `Broken: a tab gave up ${what}, and declared why to the server.` }
  }
  if (missing > 0 && facts.waiting === 0 && facts.serverDepth === 0 && facts.quietMs >= MISSING_GRACE_MS) {
    return { ...numbers, state: 'broken', text: missingText(facts, missing) }
  }
  if (missing > 0 || surplus > 0 || holes > 0) {
    return { ...numbers, state: 'on_the_way', text: onTheWay(facts, Math.max(missing, surplus, holes)) }
  }
  if (made === 0) return { ...numbers, state: 'idle', text: 'No events yet. Open a tab to begin.' }
  return {
    ...numbers,
    state: 'holds',
    text:
      made === 1
        ? 'Holds: the one event is in the database exactly once.'
        : `Holds: each of the ${format(made)} events is in the database exactly once.`,
  }
}

function missingText(facts: Facts, missing: number): string {
  if (facts.lostInMemory === 0)
    return `Broken: ${plural(missing, 'event is', 'events are')} neither in this browser nor at the server.`
  const what = plural(missing, 'event', 'events')
  return `${what} were lost with their tabs: storage had no room for them, which track() reported with stored: false.`
}

function onTheWay(facts: Facts, count: number): string {
  const places = []
  if (facts.waiting > 0) places.push(`${format(facts.waiting)} waiting in this browser`)
  if (facts.serverDepth > 0)
    places.push(`${plural(facts.serverDepth, 'batch', 'batches')} stored by the server, not yet processed`)
  const where = places.length > 0 ? `: ${places.join(', ')}` : ''
  return `${format(count)} in flight${where}.`
}
