// Measures `init()`, and the first read of localStorage, at which the browser loads the origin's
// whole storage. Each value comes from a new tab with a new renderer process.
import { open } from './browser.mjs'
import { summary } from './quantiles.mjs'

const TABS = 15
/**
 * Pause of a new tab in milliseconds, until the browser has started its processes, which share the
 * cores.
 */
const REST_MS = 1_000

/** Measures, and returns the results to store. */
export async function benchInit(browser, origin, options) {
  const [initMs, bareMs, afterMs, trackMs] = [[], [], [], []]
  for (let tab = 0; tab < 2 * TABS; tab += 1) {
    const context = await browser.newContext()
    const page = await open(context, origin)
    const { bare, init, track } = await page.evaluate(measure, { ...options, isBare: tab % 2 === 0, restMs: REST_MS })
    await context.close()
    trackMs.push(track)
    if (bare === undefined) {
      initMs.push(init)
    } else {
      bareMs.push(bare)
      afterMs.push(init)
    }
  }
  return {
    initMs: summary(initMs),
    firstLookMs: summary(bareMs),
    afterLookMs: summary(afterMs),
    firstTrackMs: summary(trackMs),
  }
}

/** Runs in the page. */
async function measure({ url, key, isBare, restMs }) {
  await new Promise((resolve) => setTimeout(resolve, restMs))
  const timed = (act) => {
    const startedMs = performance.now()
    act()
    return performance.now() - startedMs
  }
  const bare = isBare ? timed(() => localStorage.getItem('nothing')) : undefined
  let lamplight
  const init = timed(() => (lamplight = globalThis.lamplightInit({ url, key })))
  return { bare, init, track: timed(() => lamplight.track('opened', { first: true })) }
}
