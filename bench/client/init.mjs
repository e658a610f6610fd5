// What `init()` costs a page, beside what the first look at localStorage costs any page: the browser then fetches the
// origin's whole storage. Each value is a new tab's, with a renderer process that has seen neither.
import { open } from './browser.mjs'
import { summary } from './quantiles.mjs'

const TABS = 11

/** Measures; returns what is to be kept as data. */
export async function benchInit(browser, origin, options) {
  const [initMs, bareMs, restMs] = [[], [], []]
  for (let tab = 0; tab < 2 * TABS; tab += 1) {
    const context = await browser.newContext()
    const page = await open(context, origin)
    const { bare, init } = await page.evaluate(measure, { ...options, isBare: tab % 2 === 0 })
    await context.close()
    if (bare === undefined) {
      initMs.push(init)
    } else {
      bareMs.push(bare)
      restMs.push(init)
    }
  }
  return { initMs: summary(initMs), firstLookMs: summary(bareMs), afterLookMs: summary(restMs) }
}

/** Runs in the page. */
async function measure({ url, key, isBare }) {
  await new Promise((resolve) => setTimeout(resolve, 200))
  const timed = (act) => {
    const startedMs = performance.now()
    act()
    return performance.now() - startedMs
  }
  const bare = isBare ? timed(() => localStorage.getItem('nothing')) : undefined
  return { bare, init: timed(() => globalThis.lamplightInit({ url, key })) }
}
