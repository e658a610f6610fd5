// What `client-peers.json` has for docs/benchmarks.md: tables, plots and goals.
import { FLOOR, PEERS } from '../peers.mjs'
import { SCENARIOS } from '../scenarios.mjs'
import { bar, number, runsOf } from './figures.mjs'
import { goalsOf } from './goals.mjs'
import * as tables from './tables.mjs'

const INTRO = `Each SDK runs in a page of its own, with its default options, except that features other than recording events are
off. \`bench/client-peers/pages\` has the exact options. All send to one stand-in server, which answers what the
service of each would answer, can answer 503, reset connections or be down, and counts bytes, requests and events.
Lamplight's requests pass through the stand-in to a real Lamplight server, so that its answers are real, too. Every
tab has its own renderer process, a page takes 50 ms to load, and where pages leave or close, the server takes 100 ms
to answer. An event has about 300 bytes of properties and
carries its number.

Figures are medians of the runs. Where runs differ, the range is in parentheses. Cells that count ran beside each
other.`

const TIMED = 'Those that measure time ran alone, in alternating turns.'
const NOT_TIMED = 'Time has not been measured yet.'

/** The section, from the results of all runs. Cells that were not measured are left out. */
export function sectionOf(raw) {
  const has = (peer) => Object.values(raw.cells).some((cell) => cell[peer.name])
  const peers = PEERS.filter(has)
  const [lamplight, ...others] = PEERS
  const measured = (cell) => raw.cells[cell]
  const all = [
    measured(`loss_${SCENARIOS[0].name}`) && tables.lossTable(raw, peers),
    measured('bytes') && tables.bytesTable(raw, peers),
    measured('init') && tables.initTable(raw, peers),
    measured('track') && tables.trackTable(raw, peers, 'track'),
    measured('track_slowed') && tables.trackTable(raw, peers, 'track_slowed'),
    measured('traffic') && tables.storageTable(raw, peers),
    measured('traffic') && tables.trafficTable(raw, peers),
    measured('visit_direct') && tables.visitTable(raw, peers),
  ]
  return {
    machine: raw.machine,
    at: raw.at,
    title: 'In the browser',
    intro: [INTRO, measured('init') ? TIMED : NOT_TIMED, runsText(raw), raw.note].filter((text) => text).join(' '),
    tables: all.filter((table) => table),
    plots: plotsOf(raw, peers),
    goals: goalsOf(raw, lamplight, others),
  }
}

/** How many runs the cells had. */
function runsText(raw) {
  const counts = Object.entries(raw.cells)
    .filter(([cell]) => cell !== 'bytes')
    .flatMap(([, cell]) => Object.values(cell).map((runs) => runs.length))
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)]
  return fewest === most ? `Each cell had ${fewest} runs.` : `Each cell had ${fewest} to ${most} runs.`
}

function plotsOf(raw, peers) {
  const plot = (title, unit, cell, value, { times, floor } = {}) => ({
    title,
    unit,
    bars: (floor ? [FLOOR, ...peers] : peers)
      .map((peer) => [peer, runsOf(raw, cell, peer, value)])
      .filter(([, runs]) => runs.length)
      .map(([peer, runs]) => bar(peer, runs, { times })),
  })
  const bytes = {
    title: 'Bytes before the first event',
    unit: 'bytes of brotli',
    bars: peers
      .filter(({ name }) => raw.cells.bytes?.[name])
      .map((peer) => bar(peer, [raw.cells.bytes[peer.name].at(-1)[peer.name].firstBytes])),
  }
  const lost = {
    title: 'Events lost in all scenarios',
    unit: `events of ${number(SCENARIOS.reduce((sum, { tabs, events }) => sum + tabs * events, 0))}`,
    bars: peers
      .filter((peer) => SCENARIOS.every(({ name }) => raw.cells[`loss_${name}`]?.[peer.name]))
      .map((peer) => bar(peer, lostByRun(raw, peer))),
  }
  const plots = [
    lost,
    bytes,
    plot('The call that starts the SDK', 'ms', 'init', 'initMs'),
    plot('track(), median', 'µs', 'track', 'p50Us', { floor: true }),
    plot('Longest task of 1,000 track() calls', 'ms', 'track', 'longestMs', { floor: true }),
    plot('Longest task on a processor 4 times slower', 'ms', 'track_slowed', 'longestMs', { floor: true }),
    plot('localStorage written for 1,000 events', 'kilobytes', 'traffic', 'localStorageBytes', { times: 1 / 1_000 }),
    plot('Sent for each page of a visit', 'kilobytes', 'visit_direct', 'wireBytes', { times: 1 / 10_000 }),
  ]
  return plots.filter(({ bars }) => bars.length).map((plot) => ({ ...plot, better: 'less' }))
}

/** Events lost in all scenarios, for each run. */
function lostByRun(raw, peer) {
  const runs = SCENARIOS.map(({ name }) => runsOf(raw, `loss_${name}`, peer, 'lost'))
  const count = Math.min(...runs.map((list) => list.length))
  return Array.from({ length: count }, (_, run) => runs.reduce((sum, list) => sum + list[run], 0))
}
