import type { Client, Made } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { killRenderer, rendererPid, separateRenderers } from '../harness/renderer.ts'
import type { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

const EVENTS = 100

/** Kills the tab inside the task of its last `track()`: no timer, no handler and no request of its own ever runs. */
async function trackAndDie(tab: Client, pid: number, site: Site): Promise<Made[]> {
  const meeting = await site.meet()
  await tab.trackAndStandStill(EVENTS, 'last_words', meeting)
  const made = JSON.parse(await meeting.words) as Made[]
  await killRenderer(tab.page, pid)
  return made
}

test('a tab killed right after track, with the server down, loses nothing: a tab that is open adopts its events', async ({
  openTab,
  server,
  site,
}) => {
  const survivor = await openTab()
  const victim = await openTab()
  const [, pid] = await separateRenderers([survivor.page, victim.page])
  await server.kill()
  const made = await trackAndDie(victim, pid ?? 0, site)
  expect(made).toHaveLength(EVENTS)

  await server.restart()
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  await expect.poll(() => survivor.waiting()).toBe(0)
  expect((await survivor.stats()).adopted).toBe(EVENTS)
})

test('a tab killed right after track, with the server down, loses nothing: a tab opened later adopts its events', async ({
  openTab,
  server,
  site,
}) => {
  const victim = await openTab()
  const pid = await rendererPid(victim.page)
  await server.kill()
  const made = await trackAndDie(victim, pid, site)
  expect(made).toHaveLength(EVENTS)

  await server.restart()
  const heir = await openTab()
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  await expect.poll(() => heir.waiting()).toBe(0)
  expect((await heir.stats()).adopted).toBe(EVENTS)
})

test('three tabs killed at once leave their events to one tab, and none is stored twice', async ({
  openTab,
  server,
  site,
}) => {
  const survivor = await openTab()
  const victims = [await openTab(), await openTab(), await openTab()]
  const [, ...pids] = await separateRenderers([survivor, ...victims].map((tab) => tab.page))
  await server.kill()
  const meetings = victims.map(async (victim) => {
    const meeting = await site.meet()
    await victim.trackAndStandStill(EVENTS, 'last_words', meeting)
    return meeting.words
  })
  const made = (await Promise.all(meetings)).flatMap((text) => JSON.parse(text) as Made[])
  await Promise.all(victims.map((victim, index) => killRenderer(victim.page, pids[index] ?? 0)))

  await server.restart()
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  await expect.poll(() => survivor.waiting()).toBe(0)
})

test('a tab killed while it sends has its answered events stored once and the others adopted', async ({
  openTab,
  server,
  site,
}) => {
  const survivor = await openTab()
  const victim = await openTab()
  const [, pid] = await separateRenderers([survivor.page, victim.page])
  const first = await victim.trackInSteps(400, 40, 'before')
  const last = await trackAndDie(victim, pid ?? 0, site)

  await expectExactlyOnce(
    server,
    [...first, ...last].map((one) => one.id),
  )
  await expect.poll(() => survivor.waiting()).toBe(0)
})
