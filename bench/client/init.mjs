// What `init()` costs a page, beside what the first look at localStorage costs any page: the browser then fetches the
// origin's whole storage. Each value is a new tab's, with a renderer process that has seen neither.
import { open } from './browser.mjs'
import { summary } from './quantiles.mjs'

const TABS = 15
/** How long a new tab is left alone, in milliseconds: until the browser is done with starting its processes, which share the cores with the page. */
const REST_MS = 1_000

/** Measures; returns what is to be kept as data. */
export async function benchInit(browser, origin, options) {
  const [initMs, bareMs, restMs, trackMs] = [[], [], [], []]
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
      restMs.push(init)
    }
  }
  return {
    initMs: summary(initMs),
    firstLookMs: summary(bareMs),
    afterLookMs: summary(restMs),
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
