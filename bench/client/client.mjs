// `cargo xtask bench client`: measures what the SDK costs a page, alone and beside its peers,
// prints the results, and stores them.
import { mkdirSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measurePeers } from '../client-peers/main.mjs'
import { launch } from './browser.mjs'
import { compare } from './compare.mjs'
import { benchInit } from './init.mjs'
import { KEY, startServer } from './lamplight.mjs'
import { serveSite } from './site.mjs'
import { benchAdoption, benchDuplicates } from './tabs.mjs'
import { benchTrack } from './track.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    only: { type: 'string', multiple: true },
    peers: { type: 'string' },
    runs: { type: 'string', default: '3' },
    concurrent: { type: 'string', default: '24' },
    resume: { type: 'boolean' },
    note: { type: 'string' },
  },
})
if (values.base) await compare(resolve(root, values.base))
else await bench(values)

async function bench({ only = [], peers, runs, concurrent, resume, note }) {
  if (!only.length || only.includes('alone')) await benchAlone()
  const cells = only.filter((name) => name !== 'alone')
  if (only.length && !cells.length) return
  const names = peers?.split(',') ?? []
  await measurePeers({ only: cells, peers: names, runs: Number(runs), concurrent: Number(concurrent), resume, note })
}

/** What only this package has: adoption, and events that several tabs send twice. */
async function benchAlone() {
  const site = await serveSite()
  const server = await startServer()
  const browser = await launch()
  const options = { url: server.url, key: KEY }
  const report = {
    init: await benchInit(browser, site.origin, options),
    track: await benchTrack(browser, site.origin, options),
    duplicates: await benchDuplicates(browser, site.origin, options, server),
    adoptionSeconds: await benchAdoption(browser, site.origin, options, server),
  }
  report.totals = await server.totals()
  await browser.close()
  site.stop()
  await server.stop()

  print(report)
  mkdirSync('../results', { recursive: true })
  writeFileSync('../results/client.json', JSON.stringify(report, null, 2))
}

function print({ init, track, duplicates, adoptionSeconds, totals }) {
  const { microseconds: us, burst } = track
  const rows = [
    [
      'track(), p50 in groups of 10',
      `${us.track.p50} µs`,
      `bare setItem ${us.setItem.p50} µs: ${track.ratioOfMedians} times (goal 1.5)`,
    ],
    [
      'track(), p99 in bursts of 1,000',
      `${burst.callMicroseconds.p99} µs`,
      `bare setItem ${burst.bareCallMicroseconds.p99} µs (goal 100 µs)`,
    ],
    [
      'track(), p99 in bursts of 100',
      `${us.trackCall.p99} µs`,
      `bare setItem ${us.setItemCall.p99} µs: ${track.ratioOfP99} times`,
    ],
    [
      'track(), alone in a task',
      `${us.trackAlone.p50} µs`,
      `p99 ${us.trackAlone.p99}; bare setItem ${us.setItemAlone.p50}, p99 ${us.setItemAlone.p99} µs: ${track.ratioAlone} times`,
    ],
    [
      'init()',
      `${init.initMs.p50} ms`,
      `${init.afterLookMs.p50} ms after a first read of localStorage, which takes ${init.firstLookMs.p50} ms (goal 10 ms)`,
    ],
    ['  the first track()', `${init.firstTrackMs.p50} ms`, 'its code runs for the first time'],
    ['1,000 in one task', `${burst.taskMs.p50} ms`, `bare setItem ${burst.bareTaskMs.p50} ms (goal 50 ms)`],
    [
      '  bytes written',
      `${burst.bytesWritten.p50}`,
      `${burst.bytesWrittenPerEventByte} per event byte (goal 1.5; 500,000 per 1,000 events of 300 B)`,
    ],
    ['  requests', `${burst.requests.p50}`, 'goal about 10'],
    [
      'sent twice, 4 tabs',
      `${duplicates.duplicatesOnTheWire} of ${duplicates.made}`,
      `${(duplicates.share * 100).toFixed(2)}% (goal 0.1%), ${duplicates.processes} processes`,
    ],
    [
      "a killed tab's events",
      `${adoptionSeconds.p50} s`,
      `maximum ${adoptionSeconds.max} s of ${adoptionSeconds.n} runs (goal 10 s)`,
    ],
    [
      'server',
      `${totals.stored} stored`,
      `made ${totals.made}, holes ${totals.in_flight + totals.declared + totals.lost}`,
    ],
  ]
  for (const [what, value, comparison] of rows) console.log(`${what.padEnd(34)}${value.padEnd(16)}${comparison}`)
}
