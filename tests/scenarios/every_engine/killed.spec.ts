import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '../../harness/any_engine.ts'
import { killProcess, separateProcesses } from '../../harness/engines/tab.ts'
import { expectExactlyOnce } from '../../harness/exactly_once.ts'
import { form } from '../../harness/form.ts'
import type { Server } from '../../harness/server.ts'
import type { Site } from '../../harness/site.ts'
import type { Made, TabClient } from '../../harness/tab_client.ts'

const TABS = form(4, 8)
const EVENTS = form(250, 1_000)
/** Most pages that may be needed to adopt all events. */
const ADOPTERS_MAX = { chromium: 1, firefox: 3, webkit: 1 }
const ARRIVE_MS_MAX = 30_000
/**
 * Space for all events of the outage, because those beyond the share of storage are in memory and
 * would be lost.
 */
const ROOM = { storage: { maxBytes: 4 * 1024 * 1024 } }

/**
 * Times between the last `track()` and the kill, in milliseconds, in which the blocked pages run
 * nothing.
 */
const DELAYS_MS = [0, 10, 50, 300]
/** The same for many events, whose writes reach the browser's storage process later. */
const WRITTEN_MS = 1_000

/** Tracks in every tab, and blocks each in the task of its last `track()`. */
async function trackAndBlockAll(site: Site, tabs: TabClient[], events: number): Promise<Made[]> {
  const requests = tabs.map(async (tab) => {
    const hanging = await site.hangingRequest()
    await tab.trackAndBlock(events, 'last', hanging)
    return hanging.body
  })
  const bodies = await Promise.all(requests)
  return bodies.flatMap((text) => JSON.parse(text) as Made[])
}

test('an open tab adopts the events of tabs killed 0 to 300 ms after their last track', async ({
  engineName,
  openClient,
  server,
  site,
}) => {
  test.setTimeout(150_000)
  const survivor = await openClient()
  const victims: TabClient[] = []
  for (const _ of DELAYS_MS) victims.push(await openClient())
  const pids = await separateProcesses([survivor, ...victims].map((client) => client.tab))
  await server.kill()
  const made: Made[] = []
  for (const [index, delayMs] of DELAYS_MS.entries()) {
    made.push(...(await trackAndBlockAll(site, [victims[index]!], 100)))
    await sleep(delayMs)
    await killProcess(pids[index + 1]!)
  }

  await server.restart()
  const adopters = await allArrive([survivor], engineName, openClient, server, made.length)
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
    80_000,
  )
  await expect.poll(() => survivor.waiting()).toBe(0)
  expect(await adoptedBy(adopters)).toBeGreaterThanOrEqual(DELAYS_MS.length * 100)
})

test(`${TABS} tabs with ${EVENTS} events each are killed, and a new tab delivers all`, async ({
  engineName,
  openClient,
  server,
  site,
}) => {
  test.setTimeout(240_000)
  const tabs: TabClient[] = []
  for (let index = 0; index < TABS; index += 1) tabs.push(await openClient(ROOM))
  const pids = await separateProcesses(tabs.map((client) => client.tab))
  await server.kill()
  const made = await trackAndBlockAll(site, tabs, EVENTS)
  await sleep(WRITTEN_MS)
  expect(made).toHaveLength(TABS * EVENTS)
  expect(made.filter((one) => !one.stored)).toEqual([])
  await Promise.all(pids.map(killProcess))

  await server.restart()
  const adopters = await allArrive([await openClient(ROOM)], engineName, openClient, server, made.length)
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
    120_000,
  )
  expect(await adoptedBy(adopters)).toBeGreaterThanOrEqual(TABS * EVENTS)
})

/**
 * Firefox sometimes lists keys in a page that only later pages of the site can read, so those
 * deliver them.
 */
async function allArrive(
  open: TabClient[],
  engineName: keyof typeof ADOPTERS_MAX,
  openClient: () => Promise<TabClient>,
  server: Server,
  count: number,
): Promise<TabClient[]> {
  const adopters = [...open]
  while (adopters.length < ADOPTERS_MAX[engineName] && !(await arriveWithin(ARRIVE_MS_MAX, server, count)))
    adopters.push(await openClient())
  return adopters
}

async function adoptedBy(adopters: TabClient[]): Promise<number> {
  const adopted = await Promise.all(adopters.map(async (adopter) => (await adopter.stats()).adopted))
  return adopted.reduce((sum, count) => sum + count, 0)
}

async function arriveWithin(ms: number, server: Server, count: number): Promise<boolean> {
  const end = Date.now() + ms
  while (Date.now() < end) {
    if ((await server.api.totals()).stored >= count) return true
    await sleep(200)
  }
  return false
}
