// `cargo xtask bench client --base <folder>`: compares the package with another build of it, the
// `dist` folder `base`, in one run.
import { mkdirSync, writeFileSync } from 'node:fs'
import { launch, open } from './browser.mjs'
import { benchInit } from './init.mjs'
import { KEY, startServer } from './lamplight.mjs'
import { quantile, summary } from './quantiles.mjs'
import { serveSite } from './site.mjs'

/** How often the two builds take turns. */
const TURNS = 3

/** Measures both builds in turn, prints the results and stores them. */
export async function compare(base) {
  const builds = { base: await serveSite(base), now: await serveSite() }
  const both = await serveSite(base, true)
  const server = await startServer()
  const browser = await launch()
  const options = { url: server.url, key: KEY }
  const init = { base: [], now: [] }
  for (let turn = 0; turn < TURNS; turn += 1)
    for (const name of turn % 2 ? ['now', 'base'] : ['base', 'now'])
      init[name].push(await benchInit(browser, builds[name].origin, options))
  const context = await browser.newContext()
  const page = await open(context, both.origin)
  const tens = await page.evaluate(measureTrack, options)
  await browser.close()
  for (const site of [...Object.values(builds), both]) site.stop()
  await server.stop()
  const medians = (name, value) => init[name].map((result) => result[value].p50)
  const report = {
    initMs: { base: medians('base', 'initMs'), now: medians('now', 'initMs') },
    firstTrackMs: { base: medians('base', 'firstTrackMs'), now: medians('now', 'firstTrackMs') },
    trackMicroseconds: { base: summary(tens.base), now: summary(tens.now) },
    trackP10: { base: quantile(tens.base, 0.1), now: quantile(tens.now, 0.1) },
  }
  const ratio = (value) => (report[value].now.p50 / report[value].base.p50).toFixed(2)
  console.table(report)
  console.log(
    `track(), p50: ${ratio('trackMicroseconds')} times, p10: ${(report.trackP10.now / report.trackP10.base).toFixed(2)} times`,
  )
  mkdirSync('../results', { recursive: true })
  writeFileSync('../results/compare.json', JSON.stringify(report, null, 2))
}

/** Runs in a page that has both builds. They take turns of ten groups of ten calls. */
async function measureTrack({ url, key }) {
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const properties = (i) => ({ sku: `A-${i}`, price: 49.9, list: 'spring', position: i, note: 'n'.repeat(60) })
  const clients = {
    base: globalThis.lamplightBase({ url, key, context: false, namespace: 'base' }),
    now: globalThis.lamplightInit({ url, key, context: false, namespace: 'now-' }),
  }
  // Both have their full clients by then.
  await pause(5_000)
  const tens = { base: [], now: [] }
  for (let round = 0; round < 60; round += 1) {
    for (const name of round % 2 ? ['now', 'base'] : ['base', 'now']) {
      const client = clients[name]
      for (let ten = 0; ten < 10; ten += 1) {
        const startedMs = performance.now()
        for (let i = 0; i < 10; i += 1) client.track('product_viewed', properties(ten * 10 + i))
        tens[name].push((performance.now() - startedMs) * 100)
      }
      while (client.stats().queued > 0) {
        await client.flush()
        await pause(5)
      }
      await pause(20)
    }
  }
  return tens
}
