import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

test('events without room in storage report it, and survive a kill in the overflow', async ({
  context,
  openTab,
  server,
  site,
}) => {
  const survivor = await openTab()
  const victim = await Client.openPage(context, site, server.url, { storage: { maxBytes: 20_000 } })
  const [, pid] = await separateRenderers([survivor.page, victim.page])
  await server.kill()
  const made = await victim.trackMany(500, 'crowded')
  const stored = made.filter((one) => one.stored)
  expect(stored.length).toBeGreaterThan(50)
  expect(stored.length).toBeLessThan(500)
  await expect
    .poll(() =>
      victim.page.evaluate(
        () => window.lamplight.stats().overflow.events + Math.floor(window.lamplight.stats().stored / 200),
      ),
    )
    .toBeGreaterThan(400)
  await sleep(1_000)
  await killRenderer(victim.page, pid ?? 0)

  await server.restart()
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
    80_000,
  )
  expect(await overflowBlocks(survivor)).toBe(0)
})

test('after a burst fills storage, new events are stored, and all survive a kill', async ({
  context,
  openTab,
  server,
  site,
}) => {
  const survivor = await openTab()
  const victim = await Client.openPage(context, site, server.url, { storage: { maxBytes: 200_000 } })
  const [, pid] = await separateRenderers([survivor.page, victim.page])
  await server.kill()
  const burst = await victim.trackMany(2_000, 'crowded')
  expect(burst.at(-1)?.stored, 'the burst exceeds the share').toBe(false)
  await expect.poll(() => victim.page.evaluate(() => window.lamplight.stats().stored)).toBeLessThan(155_000)
  const after = await victim.trackMany(100, 'after')
  expect(after.filter((one) => !one.stored)).toEqual([])
  await killRenderer(victim.page, pid ?? 0)

  await server.restart()
  await expectExactlyOnce(
    server,
    [...burst, ...after].map((one) => one.id),
    80_000,
  )
  expect(await overflowBlocks(survivor)).toBe(0)
})

test('events lost in the memory of a killed tab are reported as holes', async ({ context, openTab, server, site }) => {
  const survivor = await openTab()
  // Too small for a single block.
  const storage = { maxBytes: 20_000, overflowMaxBytes: 1_000 }
  const victim = await Client.openPage(context, site, server.url, { storage })
  const [, pid] = await separateRenderers([survivor.page, victim.page])
  await server.kill()
  const made = await victim.trackMany(500, 'crowded')
  const stored = made.filter((one) => one.stored)
  await sleep(1_000)
  await killRenderer(victim.page, pid ?? 0)

  await server.restart()
  await expect.poll(async () => (await server.api.totals()).stored).toBe(stored.length)
  await expect.poll(() => survivor.waiting()).toBe(0)
  expect(await server.api.totals()).toMatchObject({ made: 500, in_flight: 500 - stored.length })
})

/** The number of blocks in the overflow. */
async function overflowBlocks(tab: Client): Promise<number> {
  return tab.page.evaluate(async () => {
    let blocks = 0
    for (const { name } of await indexedDB.databases()) {
      const database = await new Promise<IDBDatabase>((resolve) => {
        const request = indexedDB.open(name ?? '')
        request.onsuccess = () => resolve(request.result)
      })
      blocks += await new Promise<number>((resolve) => {
        const request = database.transaction('blocks').objectStore('blocks').count()
        request.onsuccess = () => resolve(request.result)
      })
      database.close()
    }
    return blocks
  })
}
