// What `track()` costs the page's main thread, on this processor and on one four times slower.
import { setTimeout as pause } from 'node:timers/promises'
import { quantile } from '../../client/quantiles.mjs'
import { withVisitor } from '../tab.mjs'

const SETTLE_MS = 2_000

/**
 * `p50Us` is the median call in groups of ten, because the browser's clock has a resolution of
 * 5 µs. `p99Us` is of single calls, a hundred in a task. `burstMs` is 1,000 calls in one task, and
 * `longestMs` the longest task of that burst and of the three seconds after it.
 */
export function measureTrack(peer, slowdown, env) {
  return withVisitor(peer, env, async ({ visitor }) => {
    const page = await visitor.open('?isolated')
    await pause(SETTLE_MS)
    const session = await page.context().newCDPSession(page)
    await session.send('Emulation.setCPUThrottlingRate', { rate: slowdown })
    const { tens, calls } = await page.evaluate(measureCalls)
    await pause(SETTLE_MS / 2)
    const burst = await page.evaluate(measureBurst)
    return { p50Us: quantile(tens, 0.5), p99Us: quantile(calls, 0.99), ...burst }
  })
}

/** Runs in the page. */
async function measureCalls() {
  const { bench } = globalThis
  const [tens, calls] = [[], []]
  // Some peers take milliseconds for a call, and have fewer rounds.
  const lastMs = performance.now() + 10_000
  for (let round = 0; round < 20 && (round < 4 || performance.now() < lastMs); round += 1) {
    const events = bench.events(round * 100, 100)
    if (round % 2) {
      for (const event of events) {
        const startedMs = performance.now()
        bench.track('product_viewed', event)
        calls.push((performance.now() - startedMs) * 1_000)
      }
    } else {
      for (let ten = 0; ten < 10; ten += 1) {
        const startedMs = performance.now()
        for (let index = ten * 10; index < ten * 10 + 10; index += 1) bench.track('product_viewed', events[index])
        tens.push((performance.now() - startedMs) * 100)
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  return { tens, calls }
}

/** Runs in the page. */
async function measureBurst() {
  const events = globalThis.bench.events(2_000, 1_000)
  let longestMs = 0
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longestMs = Math.max(longestMs, duration)
  })
  observer.observe({ type: 'longtask' })
  await new Promise((resolve) => setTimeout(resolve, 100))
  longestMs = 0
  const startedMs = performance.now()
  globalThis.bench.trackAll(events)
  const burstMs = performance.now() - startedMs
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  observer.disconnect()
  return { burstMs, longestMs: Math.max(longestMs, burstMs) }
}
