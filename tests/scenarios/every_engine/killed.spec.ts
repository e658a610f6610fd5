import { expect, test } from '../../harness/any_engine.ts'
import { killProcess, separateProcesses } from '../../harness/engines/tab.ts'
import { expectExactlyOnce } from '../../harness/exactly_once.ts'
import { form } from '../../harness/form.ts'
import type { Site } from '../../harness/site.ts'
import type { Made, TabClient } from '../../harness/tab_client.ts'

const TABS = form(4, 8)
const EVENTS = form(250, 1_000)

/** Every tab tracks, and stands still in the very task of its last `track()`. */
async function lastWords(site: Site, tabs: TabClient[], events: number): Promise<Made[]> {
  const meetings = tabs.map(async (tab) => {
    const meeting = await site.meet()
    await tab.trackAndStandStill(events, 'last_words', meeting)
    return meeting.words
  })
  return (await Promise.all(meetings)).flatMap((text) => JSON.parse(text) as Made[])
}

test('a tab killed right after track, with the server down, loses nothing: a tab that is open adopts its events', async ({ openClient, server, site }) => {
  const survivor = await openClient()
  const victim = await openClient()
  const [, pid] = await separateProcesses([survivor.tab, victim.tab])
  await server.kill()
  const made = await lastWords(site, [victim], 100)
  await killProcess(pid!)

  await server.restart()
  await expectExactlyOnce(server, made.map((one) => one.id))
  await expect.poll(() => survivor.waiting()).toBe(0)
  expect((await survivor.stats()).adopted).toBe(100)
})

test(`${TABS} tabs track ${EVENTS} events each in an outage, all are killed, one is opened again: nothing is lost or doubled`, async ({ openClient, server, site }) => {
  test.setTimeout(240_000)
  const tabs: TabClient[] = []
  for (let index = 0; index < TABS; index += 1) tabs.push(await openClient())
  const pids = await separateProcesses(tabs.map((client) => client.tab))
  await server.kill()
  const made = await lastWords(site, tabs, EVENTS)
  expect(made).toHaveLength(TABS * EVENTS)
  expect(made.filter((one) => !one.stored)).toEqual([])
  await Promise.all(pids.map(killProcess))

  await server.restart()
  const heir = await openClient()
  await expectExactlyOnce(server, made.map((one) => one.id), 120_000)
  await expect.poll(() => heir.waiting()).toBe(0)
  expect((await heir.stats()).adopted).toBe(TABS * EVENTS)
})
