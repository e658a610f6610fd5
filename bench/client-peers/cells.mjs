// What is measured of each peer. A cell that measures time runs alone. Others count, and mostly
// wait, so they run beside each other.
import { measureBytes } from './cells/bytes.mjs'
import { measureInit } from './cells/init.mjs'
import { playLoss } from './cells/loss.mjs'
import { measureTrack } from './cells/track.mjs'
import { measureOutage, measureTraffic } from './cells/traffic.mjs'
import { measureVisit } from './cells/visit.mjs'
import { SCENARIOS } from './scenarios.mjs'

/** How much slower the processor of `track_slowed` is. */
export const SLOWDOWN = 4

/**
 * `hasFloor` cells also measure a bare setItem. `isExact` cells give the same in each run.
 * `isHeavy` cells take much of the processor with some peers.
 */
export const CELLS = [
  {
    name: 'bytes',
    isExact: true,
    measure: ({ name, bundles = [] }) => allBytes([name, ...bundles.map(([page]) => page)]),
  },
  { name: 'init', isTimed: true, hasFloor: true, measure: measureInit },
  { name: 'track', isTimed: true, hasFloor: true, measure: (peer, env) => measureTrack(peer, 1, env) },
  { name: 'track_slowed', isTimed: true, hasFloor: true, measure: (peer, env) => measureTrack(peer, SLOWDOWN, env) },
  { name: 'traffic', isHeavy: true, measure: measureTraffic },
  { name: 'outage', isHeavy: true, measure: measureOutage },
  { name: 'visit_direct', measure: (peer, env) => measureVisit(peer, false, env) },
  { name: 'visit_waiting', measure: (peer, env) => measureVisit(peer, true, env) },
  ...SCENARIOS.map((scenario) => ({
    name: `loss_${scenario.name}`,
    measure: (peer, env) => playLoss(scenario, peer, env),
  })),
]

/**
 * The cells with these names, or all. A name that no cell has stands for all cells whose names
 * begin with it. Throws if there is none.
 */
export function cellsNamed(names) {
  const isCell = (name) => CELLS.some((cell) => cell.name === name)
  const unknown = names.filter((name) => !CELLS.some((cell) => cell.name.startsWith(name)))
  if (unknown.length)
    throw new Error(`unknown cell ${unknown.join(', ')}: the cells are ${CELLS.map(({ name }) => name).join(', ')}`)
  const fits = (cell, name) => (isCell(name) ? cell.name === name : cell.name.startsWith(name))
  return names.length ? CELLS.filter((cell) => names.some((name) => fits(cell, name))) : CELLS
}

async function allBytes(pages) {
  const bytes = {}
  for (const page of pages) bytes[page] = await measureBytes(page)
  return bytes
}
