// Measures `track()` in comparison with a bare `localStorage.setItem(key, JSON.stringify(event))`
// of the same event with a key of the same length. They alternate in one page.
import { open } from './browser.mjs'
import { quantile, summary } from './quantiles.mjs'

/** Measures, and returns the results to store. */
export async function benchTrack(browser, origin, options) {
  const context = await browser.newContext()
  const page = await open(context, origin)
  const raw = await page.evaluate(measure, options)
  await context.close()
  const ratio = (share, of) =>
    Math.round((quantile(raw[of].track, share) / quantile(raw[of].setItem, share)) * 100) / 100
  return {
    microseconds: {
      // In groups of ten calls, because the browser's clock has a resolution of 5 µs. Each value is
      // a tenth of a group.
      track: summary(raw.tens.track),
      setItem: summary(raw.tens.setItem),
      // Single calls, for the tail. The first accesses of a task include the cost of the browser's
      // messages, with and without the SDK.
      trackCall: summary(raw.calls.track),
      setItemCall: summary(raw.calls.setItem),
      // One call per task, like most events of a page.
      trackAlone: summary(raw.alone.track),
      setItemAlone: summary(raw.alone.setItem),
    },
    ratioOfMedians: ratio(0.5, 'tens'),
    ratioOfP99: ratio(0.99, 'calls'),
    ratioAlone: ratio(0.5, 'alone'),
    burst: {
      events: 1000,
      callMicroseconds: summary(raw.bursts.flatMap(({ calls }) => calls)),
      bareCallMicroseconds: summary(raw.bursts.flatMap(({ bareCalls }) => bareCalls)),
      taskMs: summary(raw.bursts.map(({ trackMs }) => trackMs)),
      bareTaskMs: summary(raw.bursts.map(({ bareMs }) => bareMs)),
      requests: summary(raw.bursts.map(({ requests }) => requests)),
      bytesWritten: summary(raw.bursts.map(({ written }) => written)),
      bytesWrittenPerEventByte: Math.round((raw.bursts[0].written / raw.bursts[0].eventBytes) * 100) / 100,
    },
  }
}

/** Runs in the page. */
async function measure({ url, key }) {
  const rounds = 40
  const tens = 10
  const properties = (i) => ({ sku: `A-${i}`, price: 49.9, list: 'spring', position: i, note: 'n'.repeat(60) })
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const lamplight = globalThis.lamplightInit({ url, key, context: false })
  const { producer } = lamplight.stats()
  const bareKey = (i) => `ba:1234567890:q:${producer}:${i}`
  // The members and the size of the stored event.
  const event = (i) => ({
    name: 'product_viewed',
    ts: Date.now(),
    producer,
    seq: i,
    properties: properties(i),
    user: { anonymous_id: 'abcdefghijkl' },
    session: 'abcdefghijkl',
  })
  const bare = (i) => localStorage.setItem(bareKey(i), JSON.stringify(event(i)))
  const track = (i) => lamplight.track('product_viewed', properties(i))
  const settle = async () => {
    while (lamplight.stats().queued > 0) {
      await lamplight.flush()
      await pause(5)
    }
    await pause(20)
  }
  const clear = async (count) => {
    for (let i = 0; i < count; i += 1) localStorage.removeItem(bareKey(i))
    await pause(25)
  }

  const all = { tens: { track: [], setItem: [] }, calls: { track: [], setItem: [] }, alone: { track: [], setItem: [] } }
  const run = (name, act) => {
    for (let ten = 0; ten < tens; ten += 1) {
      const started = performance.now()
      for (let i = 0; i < 10; i += 1) act(ten * 10 + i)
      all.tens[name].push((performance.now() - started) * 100)
    }
  }
  const runCalls = (name, act) => {
    for (let i = 0; i < 10 * tens; i += 1) {
      const started = performance.now()
      act(i)
      all.calls[name].push((performance.now() - started) * 1000)
    }
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const turn of [run, runCalls]) {
      turn('track', track)
      await settle()
      turn('setItem', bare)
      await clear(10 * tens)
    }
  }

  for (let i = 0; i < 300; i += 1) {
    for (const [name, act] of [
      ['track', track],
      ['setItem', bare],
    ]) {
      await pause(7)
      const started = performance.now()
      act(i)
      all.alone[name].push((performance.now() - started) * 1000)
    }
  }
  await settle()
  await clear(300)

  // Bursts of 1,000 events in one task: its duration, bytes written, and number of requests.
  const bursts = []
  const { setItem } = Storage.prototype
  for (let round = 0; round < 5; round += 1) {
    let written = 0
    Storage.prototype.setItem = function (name, value) {
      written += name.length + value.length
      setItem.call(this, name, value)
    }
    let eventBytes = 0
    for (let i = 0; i < 1000; i += 1) eventBytes += JSON.stringify(event(i)).length
    const requestsBefore = lamplight.stats().requests
    const started = performance.now()
    const calls = []
    for (let i = 0; i < 1000; i += 1) {
      const startedCall = performance.now()
      track(i)
      calls.push((performance.now() - startedCall) * 1000)
    }
    const trackMs = performance.now() - started
    await settle()
    Storage.prototype.setItem = setItem
    const requests = lamplight.stats().requests - requestsBefore
    const startedBare = performance.now()
    const bareCalls = []
    for (let i = 0; i < 1000; i += 1) {
      const startedCall = performance.now()
      bare(i)
      bareCalls.push((performance.now() - startedCall) * 1000)
    }
    const bareMs = performance.now() - startedBare
    await clear(1000)
    bursts.push({ trackMs, bareMs, calls, bareCalls, written, requests, eventBytes })
  }
  lamplight.close()
  return { ...all, bursts }
}
