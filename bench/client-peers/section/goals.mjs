// Lamplight's goals beside the best peer in the same run.
import { properties } from '../events.mjs'
import { FLOOR } from '../peers.mjs'
import { SCENARIOS } from '../scenarios.mjs'
import { medianOf, number } from './figures.mjs'

/** The JSON text of the properties of 1,000 events. */
const propertyBytes = () => {
  let bytes = 0
  for (let index = 0; index < 1_000; index += 1) bytes += JSON.stringify(properties(index)).length
  return bytes
}

/** Events lost in all scenarios, if a peer has played each. */
function lostInAll(raw, peer) {
  const lost = SCENARIOS.map(({ name }) => medianOf(raw, `loss_${name}`, peer, 'lost'))
  return lost.reduce((sum, count) => sum + count, 0)
}

const setItems = (cell) => (raw, peer) => medianOf(raw, cell, peer, 'p50Us') / medianOf(raw, cell, FLOOR, 'p50Us')

const isDurable = (raw, peer) => medianOf(raw, 'loss_killed_at_once', peer, 'lostAfterPoke') === 0

/** `of` is the value of a peer, of which less is better, and `most` what Lamplight's may be. */
const GOALS = [
  { measure: 'events lost in all scenarios', most: 0, of: lostInAll },
  {
    measure: 'bytes before the first event',
    most: 15_000,
    of: (raw, peer) => raw.cells.bytes?.[peer.name]?.at(-1)[peer.name].firstBytes,
  },
  { measure: '`init`, ms', most: 10, of: (raw, peer) => medianOf(raw, 'init', peer, 'initMs') },
  { measure: '`track()` p50, in bare setItems', most: 1.5, of: setItems('track') },
  { measure: '`track()` p99, µs', most: 100, of: (raw, peer) => medianOf(raw, 'track', peer, 'p99Us') },
  {
    measure: 'longest task of 1,000 calls, ms',
    most: 50,
    of: (raw, peer) => medianOf(raw, 'track', peer, 'longestMs'),
  },
  {
    measure: 'bytes written per byte of properties, of peers that survive a kill',
    most: 1.5,
    among: isDurable,
    of: (raw, peer) => medianOf(raw, 'traffic', peer, 'localStorageBytes') / propertyBytes(),
  },
  {
    measure: 'bytes of a visit that leaves at once, in those of one that waits',
    most: 1.05,
    of: (raw, peer) =>
      medianOf(raw, 'visit_direct', peer, 'wireBytes') / medianOf(raw, 'visit_waiting', peer, 'wireBytes'),
    among: (raw, peer) => medianOf(raw, 'visit_direct', peer, 'lost') === 0,
  },
]

/** The goals whose cells have been measured. */
export function goalsOf(raw, lamplight, others) {
  const rows = GOALS.map((goal) => rowOf(goal, raw, lamplight, others))
  return rows.filter((row) => row)
}

function rowOf({ measure, most, of, among = () => true }, raw, lamplight, others) {
  const own = of(raw, lamplight)
  if (!Number.isFinite(own)) return undefined
  const [best] = others
    .filter((peer) => among(raw, peer))
    .map((peer) => ({ title: peer.title, value: of(raw, peer) }))
    .filter(({ value }) => Number.isFinite(value))
    .sort((one, other) => one.value - other.value)
  const met = own <= most
  return {
    measure,
    best_peer: best ? `${best.title}: ${number(best.value)}` : '–',
    lamplight: number(own),
    ratio: best?.value ? number(own / best.value) : '–',
    goal: most ? `≤ ${number(most)}` : '0',
    met,
    peer_wins: Boolean(best && best.value < own),
  }
}
