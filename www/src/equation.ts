// The equation: made = stored + on its way + dropped + lost, and duplicates 0. It is a pure
// function of where the events are.
import { made, type Places, waiting } from './places.ts'

export type State = 'idle' | 'holds' | 'on_the_way' | 'dropped' | 'broken' | 'unknown'

export interface Facts {
  places: Places
  /** Rows of these tabs in the database beyond one for each of their events that arrived. */
  duplicates: number
  /** Events of these tabs that arrived, but have no row in the database. */
  absent: number
  /** Events at the server that are accepted and not yet processed. */
  unprocessed: number
  /** Events at the server that processing gave up on until an operator retries them. */
  setAside: number
  /** Why the tabs dropped events, as they declared. */
  dropReasons: readonly string[]
  /** Events that only the memory of tabs had that have ended since. */
  lostInMemory: number
  /** Whether the server has answered. */
  isKnown: boolean
  /** Whether IndexedDB could be read. */
  overflowIsRead: boolean
}

export interface Evaluation {
  state: State
  made: number
  stored: number
  onTheWay: number
  dropped: number
  lost: number
  duplicates: number
  text: string
}

const REASONS: Record<string, string> = {
  quota: 'there was no room left in localStorage, IndexedDB and memory',
  rejected: 'the server refused them for good',
  too_large: 'they were larger than the limits',
  opted_out: 'consent was withdrawn',
}

export const format = (number: number): string => number.toLocaleString('en-US')

const plural = (number: number, one: string, many: string): string => `${format(number)} ${number === 1 ? one : many}`
const events = (number: number): string => plural(number, 'event', 'events')
const are = (number: number): string => plural(number, 'event is', 'events are')

export function evaluate(facts: Facts): Evaluation {
  const { places } = facts
  const numbers = {
    made: made(places),
    stored: places.stored,
    onTheWay: waiting(places) + places.unseen,
    dropped: places.dropped,
    lost: places.lost,
    duplicates: facts.duplicates,
  }
  const broken = brokenText(facts)
  if (!facts.isKnown) return { ...numbers, state: 'unknown', text: 'The server has not responded yet.' }
  if (broken) return { ...numbers, state: 'broken', text: broken }
  if (numbers.onTheWay > 0) return { ...numbers, state: 'on_the_way', text: onTheWayText(facts, numbers.onTheWay) }
  if (places.dropped > 0) return { ...numbers, state: 'dropped', text: droppedText(facts) }
  if (numbers.made === 0) return { ...numbers, state: 'idle', text: 'No events yet. Open a tab to begin.' }
  const each = numbers.made === 1 ? 'the one event' : `each of the ${events(numbers.made)}`
  return { ...numbers, state: 'holds', text: `Holds: ${each} is in the database exactly once.` }
}

function brokenText({ places, duplicates, absent, lostInMemory }: Facts): string | undefined {
  if (duplicates > 0)
    return `Broken: the database has ${plural(duplicates, 'row', 'rows')} more than events of these tabs arrived.`
  if (absent > 0)
    return `Broken: ${events(absent)} arrived, but the database has no row for ${absent === 1 ? 'it' : 'them'}.`
  if (places.lost === 0) return undefined
  const inMemory = Math.min(places.lost, lostInMemory)
  if (inMemory === 0) return `Broken: ${are(places.lost)} neither in this browser nor at the server.`
  const rest = places.lost - inMemory
  const others = rest === 0 ? '' : ` ${are(rest)} missing for another reason.`
  return `${are(inMemory)} lost with a tab that ended before they were in storage. track() had returned stored: false for ${inMemory === 1 ? 'it' : 'them'}.${others}`
}

/** Where the events are that have not arrived. */
function onTheWayText(facts: Facts, onTheWay: number): string {
  const { keys, blocks, overflow, memory, unseen } = facts.places
  const unprocessed = Math.min(unseen, facts.unprocessed)
  const setAside = Math.min(unseen - unprocessed, facts.setAside)
  const parts: [number, string][] = [
    [keys + blocks, 'wait in localStorage'],
    [overflow, 'wait in IndexedDB'],
    [memory, 'wait in the memory of open tabs'],
    [unprocessed, 'accepted by the server, not yet in the table'],
    [setAside, 'set aside by the server after processing failed'],
    [unseen - unprocessed - setAside, 'being counted'],
  ]
  const where = parts.filter(([number]) => number > 0).map(([number, place]) => `${format(number)} ${place}`)
  const unread = facts.overflowIsRead ? '' : ' IndexedDB cannot be read at the moment, so some of them may be there.'
  const dropped = facts.places.dropped === 0 ? '' : ` ${droppedText(facts)}`
  return `${are(onTheWay)} on the way: ${where.join(', ')}.${unread}${dropped}`
}

function droppedText({ places, dropReasons }: Facts): string {
  const why = dropReasons.map((reason) => REASONS[reason] ?? reason).join(', and ')
  return `${events(places.dropped)} dropped by the tabs, because ${why || 'of a reason that the server does not know'}. Each was declared to the server.`
}
