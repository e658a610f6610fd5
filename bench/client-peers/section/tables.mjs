// The tables of docs/benchmarks.md about peers in the browser.
import { SLOWDOWN } from '../cells.mjs'
import { FLOOR, versionOf } from '../peers.mjs'
import { SCENARIOS } from '../scenarios.mjs'
import { figure, median, runsOf } from './figures.mjs'

/** A row for each peer that has the cells, with a column for each `[title, cell, value, times]`. */
const byPeer = (raw, peers, columns) =>
  peers
    .filter((peer) => columns.some(([, cell, value]) => runsOf(raw, cell, peer, value).length))
    .map((peer) => [
      peer.title,
      ...columns.map(([, cell, value, times]) => figure(runsOf(raw, cell, peer, value), { times })),
    ])

const titlesOf = (columns) => ['', ...columns.map(([title]) => title)]

export function lossTable(raw, all) {
  const peers = all.filter((peer) => SCENARIOS.some(({ name }) => runsOf(raw, `loss_${name}`, peer, 'lost').length))
  const rows = SCENARIOS.map(({ name, title }) => [title, ...peers.map((peer) => lossOf(raw, `loss_${name}`, peer))])
  return {
    title: 'Events lost',
    note: `Events that had not arrived 60 seconds after the end of a scenario, or 90 seconds after an outage. If one more event made the page send some of them, the figure after the arrow is what was missing then. The page that comes after a killed or closed tab has the same origin.`,
    columns: ['', ...peers.map(({ title }) => title)],
    rows,
  }
}

function lossOf(raw, cell, peer) {
  const [lost, left] = ['lost', 'lostAfterPoke'].map((value) => runsOf(raw, cell, peer, value))
  if (!lost.length || median(lost) === median(left)) return figure(lost)
  return `${figure(lost)} → ${figure(left)}`
}

export function bytesTable(raw, peers) {
  const rows = []
  for (const peer of peers) {
    const sizes = raw.cells.bytes?.[peer.name]?.at(-1)
    if (!sizes) continue
    for (const [page, title] of [[peer.name, peer.title], ...(peer.bundles ?? [])])
      rows.push([
        `${title} ${versionOf(peer)}`,
        figure([sizes[page].firstBytes]),
        sizes[page].laterBytes ? figure([sizes[page].laterBytes]) : '–',
      ])
  }
  return {
    title: 'What a page downloads',
    note: 'Bytes of brotli of an esbuild bundle, minified, that starts the SDK and tracks an event. Files that a page may fetch later with `import()` are in the last column; which of them it fetches depends on what it uses.',
    columns: ['', 'before the first event', 'later'],
    rows,
  }
}

export function initTable(raw, peers) {
  const columns = [
    ['the call that starts it, ms', 'init', 'initMs'],
    ['the first `track()`, ms', 'init', 'firstTrackMs'],
    ['the main thread until 2 s later, ms', 'init', 'busyMs'],
  ]
  return {
    title: 'Starting',
    note: 'In a new profile and a new process. The last column is the time of all tasks of the page, from its load until two seconds after the start, since some SDKs start in later tasks.',
    columns: titlesOf(columns),
    rows: byPeer(raw, [FLOOR, ...peers], columns),
  }
}

export function trackTable(raw, peers, cell) {
  const columns = [
    ['p50, µs', cell, 'p50Us'],
    ['p99, µs', cell, 'p99Us'],
    ['1,000 in one task, ms', cell, 'burstMs'],
    ['longest task, ms', cell, 'longestMs'],
  ]
  const isSlowed = cell === 'track_slowed'
  return {
    title: isSlowed ? `track() on a processor ${SLOWDOWN} times slower` : 'track()',
    note: isSlowed
      ? 'The same with `Emulation.setCPUThrottlingRate`.'
      : 'The server is up. The longest task is that of the 1,000 calls, or one in the three seconds after it.',
    columns: titlesOf(columns),
    rows: byPeer(raw, [FLOOR, ...peers], columns),
  }
}

const KB = 1 / 1_000

export function storageTable(raw, peers) {
  const columns = [
    ['localStorage, server up', 'traffic', 'localStorageBytes', KB],
    ['IndexedDB, server up', 'traffic', 'indexedDbBytes', KB],
    ['kept afterwards', 'traffic', 'keptBytes', KB],
    ['localStorage, server down', 'outage', 'localStorageBytes', KB],
    ['IndexedDB, server down', 'outage', 'indexedDbBytes', KB],
    ['kept in localStorage, server down', 'outage', 'keptBytes', KB],
  ]
  return {
    title: 'Storage for 1,000 events',
    note: 'Kilobytes of keys and values that the page wrote for 1,000 events of about 300 bytes, 200 per second. One character counts as one byte; for IndexedDB, the JSON text of what was stored counts.',
    columns: titlesOf(columns),
    rows: byPeer(raw, peers, columns),
  }
}

export function trafficTable(raw, peers) {
  const columns = [
    ['requests', 'traffic', 'requests'],
    ['of which preflights', 'traffic', 'preflights'],
    ['kilobytes', 'traffic', 'wireBytes', KB],
    ['events that arrived', 'traffic', 'arrived'],
    ['copies of events', 'traffic', 'copies'],
  ]
  return {
    title: 'Requests for 1,000 events',
    note: 'The same events. Kilobytes are those that the browser sent over its connections, with all headers. Events that were not sent within 45 seconds did not arrive.',
    columns: titlesOf(columns),
    rows: byPeer(raw, peers, columns),
  }
}

export function visitTable(raw, peers) {
  const perPage = 1 / 10
  const columns = [
    ['requests per page', 'visit_direct', 'requests', perPage],
    ['kilobytes per page', 'visit_direct', 'wireBytes', perPage * KB],
    ['lost', 'visit_direct', 'lost'],
    ['sent twice', 'visit_direct', 'twice'],
    ['kilobytes per page, waiting', 'visit_waiting', 'wireBytes', perPage * KB],
    ['sent twice, waiting', 'visit_waiting', 'twice'],
  ]
  return {
    title: 'A visit of ten pages',
    note: 'Each page starts the SDK and tracks six events, and the visitor follows a link in the task of the sixth. In the last two columns, the visitor waits until the events have arrived, for six seconds at most. The requests for configuration count, but browsers take them from their cache for five minutes.',
    columns: titlesOf(columns),
    rows: byPeer(raw, peers, columns),
  }
}
