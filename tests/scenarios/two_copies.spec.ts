import type { Page } from '@playwright/test'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { WRITE_KEY } from '../harness/server.ts'
import { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

const EVENTS = 150

/** The two bundles of the package. Each is built separately, and has its own module in memory. */
type Copy = 'inline' | 'slim'

/**
 * Starts a client of one bundle with the default namespace, tracks in steps, and returns the ids.
 */
function trackWith(page: Page, copy: Copy, url: string): Promise<string[]> {
  return page.evaluate(
    async (order) => {
      const module = (await import(order.entry)) as { init: unknown; load: unknown }
      const make = (
        order.copy === 'slim' ? await (module.load as () => Promise<unknown>)() : module.init
      ) as typeof import('lamplight').init
      const lamplight = make({ url: order.url, key: order.key })
      const ids: string[] = []
      while (ids.length < order.count) {
        for (let turn = 0; turn < 10; turn += 1) ids.push(lamplight.track(`by_${order.copy}`, { turn }).id)
        await new Promise((resolve) => setTimeout(resolve, 8))
      }
      return ids
    },
    { copy, url, key: WRITE_KEY, count: EVENTS, entry: copy === 'slim' ? Site.entry('./slim') : Site.entry() },
  )
}

test('with two copies of the SDK in one page, each event is stored once', async ({ page, server, site }) => {
  await page.goto(site.origin)
  const ids = (await Promise.all([trackWith(page, 'inline', server.url), trackWith(page, 'slim', server.url)])).flat()
  expect(new Set(ids.map((id) => id.split('-')[0])).size, 'producers').toBe(2)
  await expectExactlyOnce(server, ids)
})

for (const [victim, survivor] of [
  ['inline', 'slim'],
  ['slim', 'inline'],
] as const) {
  test(`a tab with the ${survivor} copy adopts events of a killed ${victim} tab`, async ({
    context,
    faultProxy,
    server,
    site,
  }) => {
    const [first, second] = [await context.newPage(), await context.newPage()]
    for (const page of [first, second]) await page.goto(site.origin)
    const [pid] = await separateRenderers([first, second])
    faultProxy.behaviour = 'reset'
    const left = await trackWith(first, victim, faultProxy.url)
    await killRenderer(first, pid!)
    const own = await trackWith(second, survivor, faultProxy.url)
    faultProxy.behaviour = 'forward'
    await expectExactlyOnce(server, [...left, ...own])
  })
}
