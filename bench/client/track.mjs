// What `track()` costs a page, beside a bare localStorage.setItem of the same event, turn by turn in one real Chromium.
import { mkdirSync, writeFileSync } from 'node:fs'
import { chromium } from '@playwright/test'
import { KEY, TOKEN, startServer } from './lamplight.mjs'
import { serveSite } from './site.mjs'

const site = await serveSite()
const server = await startServer()
const browser = await chromium.launch({ executablePath: process.env.LAMPLIGHT_CHROMIUM, args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-quic'] })
const page = await browser.newPage()
let requests = 0
page.on('request', (request) => { if (request.method() === 'POST') requests += 1 })
await page.goto(site.origin)
await page.waitForFunction(() => globalThis.lamplightInit)

const measured = await page.evaluate(measure, { url: server.url, key: KEY })
const totals = await (await fetch(`${server.url}/api/totals`, { headers: { authorization: `Bearer ${TOKEN}` } })).json()
await browser.close()
site.stop()
await server.stop()

const report = { ...measured, requestsOfBurst: requests - measured.requestsBefore, totals }
report.requests = requests
delete report.requestsBefore
print(report)
mkdirSync('../results', { recursive: true })
writeFileSync('../results/track.json', JSON.stringify(report, null, 2))

/** Runs in the page. */
async function measure({ url, key }) {
  const rounds = 20
  const perRound = 100
  const properties = (i) => ({ sku: `A-${i}`, price: 49.9, list: 'spring', position: i, note: 'n'.repeat(200) })
  const startedInit = performance.now()
  const lamplight = globalThis.lamplightInit({ url, key })
  const initMs = performance.now() - startedInit

  const times = { track: [], setItem: [] }
  for (let round = 0; round < rounds; round += 1) {
    for (let i = 0; i < perRound; i += 1) {
      const started = performance.now()
      lamplight.track('product_viewed', properties(i))
      times.track.push(performance.now() - started)
    }
    await lamplight.flush()
    for (let i = 0; i < perRound; i += 1) {
      const started = performance.now()
      localStorage.setItem(`bare:${i}`, JSON.stringify({ name: 'product_viewed', ts: Date.now(), seq: i, properties: properties(i) }))
      times.setItem.push(performance.now() - started)
    }
    for (let i = 0; i < perRound; i += 1) localStorage.removeItem(`bare:${i}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }

  // One burst of 1,000 in one task: its own length, what it writes, and how many requests carry it.
  let written = 0
  const setItem = Storage.prototype.setItem
  Storage.prototype.setItem = function (name, value) {
    written += name.length + value.length
    setItem.call(this, name, value)
  }
  const requestsBefore = lamplight.stats().requests
  const startedBurst = performance.now()
  let eventBytes = 0
  for (let i = 0; i < 1000; i += 1) {
    lamplight.track('product_viewed', properties(i))
    eventBytes += JSON.stringify({ name: 'product_viewed', ts: 1790000000000, properties: properties(i) }).length
  }
  const burstMs = performance.now() - startedBurst
  while (lamplight.stats().queued > 0) await lamplight.flush()
  Storage.prototype.setItem = setItem

  const at = (list, share) => list.sort((a, b) => a - b)[Math.floor((list.length - 1) * share)] * 1000
  return {
    initMs,
    trackP50us: at(times.track, 0.5), trackP99us: at(times.track, 0.99),
    setItemP50us: at(times.setItem, 0.5), setItemP99us: at(times.setItem, 0.99),
    burstMs, writtenPerEventByte: written / eventBytes, writtenOfBurst: written, requestsBefore,
  }
}

function print(report) {
  const us = (value) => `${value.toFixed(0)} µs`
  console.log(`track()        p50 ${us(report.trackP50us)}   p99 ${us(report.trackP99us)}`)
  console.log(`bare setItem   p50 ${us(report.setItemP50us)}   p99 ${us(report.setItemP99us)}`)
  console.log(`ratio of p50   ${(report.trackP50us / report.setItemP50us).toFixed(2)}`)
  console.log(`init           ${report.initMs.toFixed(1)} ms`)
  console.log(`burst of 1,000 ${report.burstMs.toFixed(1)} ms in one task, ${report.requestsOfBurst} requests, ${report.writtenOfBurst} bytes written (${report.writtenPerEventByte.toFixed(2)} per event byte)`)
  console.log(`server         made ${report.totals.made}, stored ${report.totals.stored}, duplicates ${report.totals.duplicates}, holes ${report.totals.in_flight + report.totals.declared + report.totals.lost}`)
}
