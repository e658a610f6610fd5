// What starting costs the page's main thread. Each value comes from a new profile and a new
// process.
import { setTimeout as pause } from 'node:timers/promises'
import { quantile } from '../../client/quantiles.mjs'
import { withVisitor } from '../tab.mjs'

const TABS = 3
/** Until the browser has started its processes, which share the cores. */
const REST_MS = 400
/** How long the main thread is watched after the start. */
const WATCH_MS = 2_000

/**
 * Medians of a few tabs: `initMs` is the call that starts the peer, `firstTrackMs` the first event,
 * and `busyMs` all tasks of the page from its load until two seconds after the start, because some
 * peers start in later tasks.
 */
export async function measureInit(peer, env) {
  const tabs = []
  for (let tab = 0; tab < TABS; tab += 1) tabs.push(await withVisitor(peer, env, startOnce))
  const median = (name) =>
    quantile(
      tabs.map((tab) => tab[name]),
      0.5,
    )
  return { initMs: median('initMs'), firstTrackMs: median('firstTrackMs'), busyMs: median('busyMs') }
}

async function startOnce({ standIn, visitor }) {
  const page = await visitor.openIdle('?isolated')
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable')
  await pause(REST_MS)
  const times = await page.evaluate(start, standIn.url)
  await pause(WATCH_MS)
  const { metrics } = await session.send('Performance.getMetrics')
  return { ...times, busyMs: metrics.find(({ name }) => name === 'TaskDuration').value * 1_000 }
}

/** Runs in the page. */
function start(url) {
  const timed = (act) => {
    const startedMs = performance.now()
    act()
    return performance.now() - startedMs
  }
  const events = globalThis.bench.events(0, 1)
  const initMs = timed(() => globalThis.bench.start(url))
  return { initMs, firstTrackMs: timed(() => globalThis.bench.trackAll(events)) }
}
