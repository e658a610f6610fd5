// Several tabs at once: what is sent twice in normal use, and how soon a killed tab's events arrive.
import { crash, open, renderers } from './browser.mjs'
import { summary } from './quantiles.mjs'

/** Four tabs that track, navigate and close like people's do: the share of events that the wire carried twice. */
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
  // Whatever the last navigation cut off is adopted by a page that stays.
  const last = await open(context, origin)
  await last.evaluate((given) => void globalThis.lamplightInit(given), options)
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

/** From the death of a tab's process, with 50 events that it could not send, until all of them are stored. */
export async function benchAdoption(browser, origin, options, server) {
  const seconds = []
  for (let round = 0; round < 7; round += 1) {
    const context = await browser.newContext()
    const doomed = await open(context, origin)
    // Only this tab has no network.
    await doomed.route(`${options.url}/**`, (route) => route.abort())
    const heir = await open(context, origin)
    await heir.evaluate((given) => void globalThis.lamplightInit(given), options)
    const before = await server.totals()
    await doomed.evaluate((given) => {
      const lamplight = globalThis.lamplightInit(given)
      for (let i = 0; i < 50; i += 1) lamplight.track('left_behind', { i })
    }, options)
    await doomed.waitForTimeout(300 + 400 * round)
    const killed = performance.now()
    await crash(doomed)
    await server.until((totals) => totals.stored - before.stored >= 50, 60_000)
    seconds.push((performance.now() - killed) / 1000)
    await context.close()
  }
  return { ...summary(seconds), max: Math.round(Math.max(...seconds) * 100) / 100 }
}
