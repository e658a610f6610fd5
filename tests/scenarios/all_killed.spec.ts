import type { Made } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

const TABS = 8
const EVENTS = 1_000

test('eight tabs track 1,000 events each in an outage, all are killed, one is opened again: nothing is lost or doubled', async ({ openTab, server, site }) => {
  test.setTimeout(180_000)
  const tabs = []
  for (let index = 0; index < TABS; index += 1) tabs.push(await openTab())
  const pids = await separateRenderers(tabs.map((tab) => tab.page))
  await server.kill()
  const meetings = tabs.map((tab, index) => {
    const meeting = site.meet(`tab-${index}`)
    tab.trackAndStandStill(EVENTS, 'outage', `tab-${index}`)
    return meeting
  })
  const made = (await Promise.all(meetings)).flatMap((text) => JSON.parse(text) as Made[])
  expect(made.filter((one) => !one.stored)).toEqual([])
  await Promise.all(tabs.map((tab, index) => killRenderer(tab.page, pids[index] ?? 0)))

  await server.restart()
  const heir = await openTab()
  await expectExactlyOnce(server, made.map((one) => one.id), 120_000)
  await expect.poll(() => heir.waiting()).toBe(0)
  expect((await heir.stats()).adopted).toBe(TABS * EVENTS)
})
