import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../harness/client.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

test('events that storage had no room for say so, and when their tab is killed the server shows them as holes', async ({ context, openTab, server, site }) => {
  const survivor = await openTab()
  const victim = await Client.openPage(context, site, server.url, { storage: { maxBytes: 20_000 } })
  const [, pid] = await separateRenderers([survivor.page, victim.page])
  await server.kill()
  const made = await victim.trackMany(500, 'crowded')
  const stored = made.filter((one) => one.stored)
  expect(stored.length).toBeGreaterThan(50)
  expect(stored.length).toBeLessThan(500)
  await sleep(1_000)
  await killRenderer(victim.page, pid ?? 0)

  await server.restart()
  await expect.poll(async () => (await server.api.totals()).stored).toBe(stored.length)
  await expect.poll(() => survivor.waiting()).toBe(0)
  const totals = await server.api.totals()
  expect(totals, 'what was made and died is a hole, not silence').toMatchObject({ made: 500, in_flight: 500 - stored.length })
})
