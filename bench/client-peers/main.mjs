// Measures Lamplight and its peers side by side, in a real Chromium, and stores the results in
// bench/results: what each run gave in client-peers-raw.json, and tables in client-peers.json.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { machineFacts } from '../report/machine.mjs'
import { cellsNamed } from './cells.mjs'
import { PEERS, peersNamed, versionOf } from './peers.mjs'
import { measureAll } from './run.mjs'
import { sectionOf } from './section/section.mjs'

const results = fileURLToPath(new URL('../results', import.meta.url))
const rawFile = join(results, 'client-peers-raw.json')

/**
 * Measures `only` these cells, or all, of these `peers`, or all. With `resume`, the results of the
 * last time stay, and only the runs that are missing are measured. `note` tells readers of the page
 * what was special.
 */
export async function measurePeers({ only = [], peers = [], runs = 3, concurrent = 24, resume = false, note }) {
  const raw = resume && existsSync(rawFile) ? JSON.parse(readFileSync(rawFile, 'utf8')) : { cells: {} }
  const cells = cellsNamed(only)
  const named = peersNamed(peers)
  const runsOf = (cell, peer) => raw.cells[cell.name]?.[peer.name]?.length ?? 0
  const save = () => {
    mkdirSync(results, { recursive: true })
    writeFileSync(rawFile, JSON.stringify(raw, null, 2))
  }
  const options = { cells, peers: named, runs, concurrent, runsOf }
  const { version, failures } = await measureAll(options, (cell, peer, result) => {
    raw.cells[cell.name] ??= {}
    const known = raw.cells[cell.name][peer.name]
    raw.cells[cell.name][peer.name] = [...(known ?? []), result]
    save()
    console.log(`${cell.name.padEnd(24)}${peer.title.padEnd(28)}${JSON.stringify(result)}`)
  })
  if (note) raw.note = note
  raw.at = new Date().toISOString().slice(0, 10)
  const versions = PEERS.map((peer) => [peer.package, versionOf(peer)])
  raw.machine = machineFacts({
    ...raw.machine?.programs,
    ...(version && { Chromium: version }),
    Node: process.versions.node,
    ...Object.fromEntries(versions),
  })
  save()
  writeFileSync(join(results, 'client-peers.json'), `${JSON.stringify(sectionOf(raw), null, 2)}\n`)
  if (failures.length) throw new Error(`some cells could not be measured:\n${failures.join('\n')}`)
}
