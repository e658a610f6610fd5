import type { Client, Made } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { killRenderer, rendererPid, separateRenderers } from '../harness/renderer.ts'
import type { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

const EVENTS = 100

/**
 * Kills the tab in the task of its last `track()`, before any timer, handler or request of its own
 * runs.
 */
async function trackAndKill(tab: Client, pid: number, site: Site): Promise<Made[]> {
  const hanging = await site.hangingRequest()
  await tab.trackAndBlock(EVENTS, 'last', hanging)
  const made = JSON.parse(await hanging.body) as Made[]
  await killRenderer(tab.page, pid)
  return made
}

test('an open tab adopts the events of a tab killed during an outage', async ({ openTab, server, site }) => {
  const survivor = await openTab()
  const victim = await openTab()
  const [, pid] = await separateRenderers([survivor.page, victim.page])
  await server.kill()
  const made = await trackAndKill(victim, pid ?? 0, site)
  expect(made).toHaveLength(EVENTS)

  await server.restart()
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  await expect.poll(() => survivor.waiting()).toBe(0)
  expect((await survivor.stats()).adopted).toBe(EVENTS)
})

test('a tab opened later adopts the events of a tab killed during an outage', async ({ openTab, server, site }) => {
  const victim = await openTab()
  const pid = await rendererPid(victim.page)
  await server.kill()
  const made = await trackAndKill(victim, pid, site)
  expect(made).toHaveLength(EVENTS)

  await server.restart()
  const adopter = await openTab()
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  await expect.poll(() => adopter.waiting()).toBe(0)
  expect((await adopter.stats()).adopted).toBe(EVENTS)
})

test('one tab adopts the events of three killed tabs, and none is stored twice', async ({ openTab, server, site }) => {
  const survivor = await openTab()
  const victims = [await openTab(), await openTab(), await openTab()]
  const [, ...pids] = await separateRenderers([survivor, ...victims].map((tab) => tab.page))
  await server.kill()
  const requests = victims.map(async (victim) => {
    const hanging = await site.hangingRequest()
    await victim.trackAndBlock(EVENTS, 'last', hanging)
    return hanging.body
  })
  const made = (await Promise.all(requests)).flatMap((text) => JSON.parse(text) as Made[])
  await Promise.all(victims.map((victim, index) => killRenderer(victim.page, pids[index] ?? 0)))

  await server.restart()
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  await expect.poll(() => survivor.waiting()).toBe(0)
})

test('the events of a tab killed while sending are stored once or adopted', async ({ openTab, server, site }) => {
  const survivor = await openTab()
  const victim = await openTab()
  const [, pid] = await separateRenderers([survivor.page, victim.page])
  const first = await victim.trackInSteps(400, 40, 'before')
  const last = await trackAndKill(victim, pid ?? 0, site)

  await expectExactlyOnce(
    server,
    [...first, ...last].map((one) => one.id),
  )
  await expect.poll(() => survivor.waiting()).toBe(0)
})
