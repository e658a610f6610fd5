// Real pages lose events in every way that is not their own fault, and the console names exactly
// the numbers that are missing.
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { Backups } from '../harness/backup.ts'
import { Client } from '../harness/client.ts'
import { jump, setClocks } from '../harness/clocks.ts'
import { expectTold, type Gap, stored, UNKNOWN, type Wanted } from '../harness/completeness.ts'
import { change, OtherWriter, restartAfter } from '../harness/database.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { test as base, expect } from '../harness/test.ts'

/** The answer of a server, from a proxy that has forwarded nothing. */
const ACCEPTED = {
  status: 200,
  contentType: 'application/json',
  headers: { 'access-control-allow-origin': '*' },
  body: '{"status":"OK","payload":"1"}',
}
const DAY_MS = 86_400_000

const test = base.extend<{ reader: Page }>({
  /** Somebody who reads the console in another browser profile. */
  reader: async ({ browser }, use) => {
    const context = await browser.newContext()
    await use(await context.newPage())
    await context.close()
  },
})

const gap = (first: number, last: number, cause = UNKNOWN): Gap => ({
  numbers: [first, last],
  state: 'In flight',
  cause,
})

/** The gaps that these numbers leave. */
function gapsOf(numbers: number[]): Gap[] {
  const gaps: Gap[] = []
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = gaps.at(-1)
    if (last?.numbers[1] === number - 1) last.numbers[1] = number
    else gaps.push(gap(number, number))
  }
  return gaps
}

/** Checks it at once, and again after the pages were silent for longer than 30 days. */
async function expectToldForever(reader: Page, server: Parameters<typeof restartAfter>[0], wanted: Wanted[]) {
  await expectTold(reader, server, wanted)
  await restartAfter(server, 29)
  await expectTold(reader, server, wanted)
  await restartAfter(server, 2)
  const lost = (gaps: Gap[]): Gap[] => gaps.map((it) => (it.state === 'In flight' ? { ...it, state: 'Lost' } : it))
  await expectTold(
    reader,
    server,
    wanted.map((it) => ({ ...it, gaps: lost(it.gaps) })),
  )
}

const producerOf = async (tab: Client): Promise<string> => (await tab.stats()).producer

/** Removes keys of storage, once this page sees them. */
async function removeKeys(tab: Client, ends: string[]): Promise<void> {
  const count = () =>
    tab.page.evaluate(
      (ends) => Object.keys(localStorage).filter((key) => ends.some((end) => key.endsWith(end))).length,
      ends,
    )
  await expect.poll(count, { message: 'the keys are there' }).toBe(ends.length)
  await tab.page.evaluate((ends) => {
    for (const key of Object.keys(localStorage)) if (ends.some((end) => key.endsWith(end))) localStorage.removeItem(key)
  }, ends)
  await expect.poll(count).toBe(0)
}

test('keys that are removed from storage are named, and so is what a page declares', async ({
  browser,
  faultProxy,
  openBehindProxy,
  reader,
  server,
  site,
}) => {
  test.setTimeout(180_000)
  const keeper = await openBehindProxy()
  const [killed, closed, long] = [await openBehindProxy(), await openBehindProxy(), await openBehindProxy()]
  const other = await browser.newContext()
  const declaring = await Client.openPage(other, site, faultProxy.url)
  const tabs = [killed, closed, long, declaring]
  const [k, c, l, d] = (await Promise.all(tabs.map(producerOf))) as [string, string, string, string]
  const pids = await separateRenderers([keeper, killed, closed, long].map((tab) => tab.page))
  for (const tab of tabs) await tab.trackMany(10, 'before')
  await stored(server, 40)
  faultProxy.behaviour = 'reset'
  for (const tab of [killed, closed, declaring]) await tab.trackMany(20, 'offline')
  await long.trackMany(700, 'offline')

  // A long backlog is written again as blocks of many events.
  const block = () =>
    long.page.evaluate((producer) => {
      const key = Object.keys(localStorage).find((key) => key.includes(`:b:${producer}:1:`))
      const own = (seq: string) => Object.keys(localStorage).some((key) => key.endsWith(`:q:${producer}:${seq}`))
      const lines = key === undefined ? [] : localStorage.getItem(key)!.trim().split('\n')
      const seqs = lines.map((line) => line.split(' ')[0]!)
      return { key: key ?? '', seqs: seqs.some(own) ? [] : seqs.map(Number) }
    }, l)
  await expect.poll(async () => (await block()).seqs.length, { message: 'a block alone has them' }).toBeGreaterThan(0)
  const { key, seqs } = await block()

  // A page that is left says how far it has numbered; one that is killed does not.
  await closed.page.close()
  for (const tab of [killed, long]) await killRenderer(tab.page, pids[[keeper, killed, closed, long].indexOf(tab)]!)
  const left = () =>
    keeper.page.evaluate(
      (producer) => Object.entries(localStorage).find(([key]) => key.endsWith(`:p:${producer}`))?.[1] ?? '',
      c,
    )
  await expect.poll(left).toBe('gone:31')
  await removeKeys(
    keeper,
    [13, 14, 15, 16, 20].map((seq) => `:q:${k}:${seq}`),
  )
  await removeKeys(
    keeper,
    [14, 29, 30].map((seq) => `:q:${c}:${seq}`),
  )
  await removeKeys(keeper, [key])
  await declaring.page.evaluate(() => window.lamplight.setConsent('denied'))
  faultProxy.behaviour = 'forward'

  await stored(server, 10 * 4 + 15 + 17 + 700 - seqs.length)
  await expect
    .poll(async () => (await server.api.producers()).find(({ producer }) => producer === d)?.declared.length)
    .toBe(1)
  await other.close()
  await expectToldForever(reader, server, [
    { producer: k, made: 30, gaps: [gap(13, 16), gap(20, 20)] },
    { producer: c, made: 30, gaps: [gap(14, 14), gap(29, 30)] },
    { producer: l, made: 710, gaps: gapsOf(seqs) },
    {
      producer: d,
      made: 30,
      gaps: [{ numbers: [11, 30], state: 'Declared', cause: /^the user withdrew consent \(opted_out\)$/ }],
    },
  ])
})

test('requests that a proxy accepts and does not forward are named', async ({
  openTab,
  page,
  reader,
  server,
  site,
}) => {
  const tab = await Client.openPage(page.context(), site, server.url)
  const whole = await openTab()
  let isDropping = false
  const dropped: number[] = []
  await tab.page.route('**/v1/events*', async (route) => {
    if (!isDropping) return route.continue()
    dropped.push(Date.now())
    return route.fulfill(ACCEPTED)
  })
  for (const isLost of [false, true, false, true, false]) {
    isDropping = isLost
    const before = dropped.length
    for (const client of [tab, whole]) {
      await client.trackMany(10, 'worked')
      await client.page.evaluate(() => window.lamplight.flush())
    }
    expect(dropped.length > before, 'the proxy has answered').toBe(isLost)
    await expect.poll(() => tab.waiting(), { message: 'the page believes the answer', timeout: 20_000 }).toBe(0)
  }
  await stored(server, 80)
  const [producer, other] = [await producerOf(tab), await producerOf(whole)]
  await page.context().close()
  await expectToldForever(reader, server, [
    { producer, made: 50, gaps: [gap(11, 20), gap(31, 40)] },
    { producer: other, made: 50, gaps: [] },
  ])
})

test('payloads that are deleted before they are processed are named', async ({ openTab, reader, server }) => {
  const [tab, whole] = [await openTab(), await openTab()]
  for (const client of [tab, whole]) await client.trackMany(10, 'before')
  await stored(server, 20)
  const writer = await OtherWriter.begin(join(server.data, 'store.db'))
  await tab.trackMany(10, 'deleted')
  await tab.page.evaluate(() => window.lamplight.flush())
  await expect.poll(() => tab.waiting(), { message: 'the server has answered 200' }).toBe(0)
  await server.kill()
  await writer.end()
  const deleted = await change(
    join(server.data, 'intake.db'),
    'DELETE FROM payloads WHERE position IN (SELECT position FROM payload_queue)',
    'DELETE FROM payload_queue',
  )
  expect(deleted.every((rows) => rows > 0)).toBe(true)
  await server.restart()
  for (const client of [tab, whole]) await client.trackMany(10, 'after')
  await stored(server, 40)
  await expectToldForever(reader, server, [
    { producer: await producerOf(tab), made: 30, gaps: [gap(11, 20)] },
    { producer: await producerOf(whole), made: 20, gaps: [] },
  ])
})

test('what a restored backup does not have is named, with the restore as its cause', async ({
  openTab,
  reader,
  server,
}) => {
  const backups = await Backups.create()
  try {
    const [tab, quiet] = [await openTab(), await openTab()]
    for (const client of [tab, quiet]) await client.trackMany(10, 'before')
    await stored(server, 20)
    const backup = await backups.make(server)
    const late = await openTab()
    for (const client of [tab, late]) await client.trackMany(10, 'between')
    await stored(server, 40)
    await server.kill()
    await server.restart(await backups.restore(backup))
    for (const client of [tab, late]) await client.trackMany(10, 'after')
    await stored(server, 40)
    const restored = /^this server was restored on .* What it had stored in between is missing, and was not lost/
    await expectTold(reader, server, [
      { producer: await producerOf(tab), made: 30, gaps: [gap(11, 20, restored)] },
      { producer: await producerOf(late), made: 20, gaps: [gap(1, 10, restored)] },
      { producer: await producerOf(quiet), made: 10, gaps: [] },
    ])
    const words = 'missing where a backup ends: this server was restored on'
    await expect(reader.locator('td.reason', { hasText: words })).toHaveCount(2)
  } finally {
    await backups.remove()
  }
})

test('slow, offline and frozen tabs, and clocks that jump, raise no alarm', async ({
  browser,
  faultProxy,
  reader,
  server,
  site,
}) => {
  test.setTimeout(180_000)
  const contexts = await Promise.all([1, 2, 3, 4].map(() => browser.newContext()))
  for (const context of contexts) await setClocks(context)
  const tabs = await Promise.all(contexts.map((context) => Client.openPage(context, site, faultProxy.url)))
  const [slow, offline, frozen, jumping] = tabs as [Client, Client, Client, Client]
  const producers = await Promise.all(tabs.map(producerOf))
  for (const tab of tabs) await tab.trackMany(10, 'before')
  await stored(server, 40)

  await offline.page.context().setOffline(true)
  faultProxy.behaviour = 'hang'
  for (const tab of tabs) await tab.trackMany(10, 'hindered')
  const session = await frozen.page.context().newCDPSession(frozen.page)
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  for (const days of [400, -800]) {
    await jump(jumping.page, days * DAY_MS)
    await jumping.trackMany(5, 'jumped')
  }
  const complete = (made: number[]): Wanted[] =>
    producers.map((producer, at) => ({ producer, made: made[at]!, gaps: [] }))
  await expectTold(reader, server, complete([10, 10, 10, 10]))
  await restartAfter(server, 29)
  await expectTold(reader, server, complete([10, 10, 10, 10]))

  faultProxy.behaviour = 'forward'
  await expect.poll(async () => (await slow.stats()).queued, { timeout: 60_000 }).toBe(0)
  await slow.trackMany(10, 'after')
  await offline.page.context().setOffline(false)
  await session.send('Page.setWebLifecycleState', { state: 'active' })
  for (const tab of [offline, frozen, jumping]) await tab.trackMany(10, 'after')
  await stored(server, 40 + 40 + 10 + 40)
  await expectTold(reader, server, complete([30, 30, 30, 40]))
  expect((await server.api.alerts()).active).toEqual([])
  for (const context of contexts) await context.close()
})
