// Measures several tabs: how many events are sent twice, and how soon a killed tab's events arrive.
import { crash, open, renderers } from './browser.mjs'
import { summary } from './quantiles.mjs'

/** The share of events that are sent twice while four tabs track, navigate and close. */
export async function benchDuplicates(browser, origin, options, server) {
  const before = await server.totals()
  const context = await browser.newContext()
  const pages = []
  for (let tab = 0; tab < 4; tab += 1) pages.push(await open(context, origin))
  const processes = await renderers(browser)
  const use = async (page) => {
    for (let visit = 0; visit < 6; visit += 1) {
      await page.evaluate(async ({ url, key }) => {
        globalThis.lamplight = globalThis.lamplightInit({ url, key })
        for (let i = 0; i < 40; i += 1) {
          globalThis.lamplight.track('scrolled', { to: i, note: 'n'.repeat(150) })
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 150))
        }
      }, options)
      await page.goto(`${origin}/?visit=${visit}`)
      await page.waitForFunction(() => globalThis.lamplightInit)
    }
    await page.close()
  }
  await Promise.all(pages.map(use))
  // A page that stays open adopts the events that the last navigations left.
  const last = await open(context, origin)
  await last.evaluate((options) => void globalThis.lamplightInit(options), options)
  const made = 4 * 6 * 40
  const done = await server.until((totals) => totals.stored - before.stored >= made, 60_000)
  await context.close()
  const duplicates = done.duplicates - before.duplicates
  return {
    processes,
    made,
    stored: done.stored - before.stored,
    duplicatesOnTheWire: duplicates,
    share: duplicates / made,
  }
}

/** The time from the kill of a tab with 50 unsent events until all of them are stored. */
export async function benchAdoption(browser, origin, options, server) {
  const seconds = []
  for (let round = 0; round < 7; round += 1) {
    const context = await browser.newContext()
    const victim = await open(context, origin)
    // Only this tab has no network.
    await victim.route(`${options.url}/**`, (route) => route.abort())
    const survivor = await open(context, origin)
    await survivor.evaluate((options) => void globalThis.lamplightInit(options), options)
    const before = await server.totals()
    await victim.evaluate((options) => {
      const lamplight = globalThis.lamplightInit(options)
      for (let i = 0; i < 50; i += 1) lamplight.track('left_behind', { i })
    }, options)
    await victim.waitForTimeout(300 + 400 * round)
    const killedMs = performance.now()
    await crash(victim)
    await server.until((totals) => totals.stored - before.stored >= 50, 60_000)
    seconds.push((performance.now() - killedMs) / 1000)
    await context.close()
  }
  return { ...summary(seconds), max: Math.round(Math.max(...seconds) * 100) / 100 }
}
