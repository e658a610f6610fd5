import { setTimeout as sleep } from 'node:timers/promises'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { type Conduct, OVERLOADED } from '../harness/front.ts'
import { expect, test } from '../harness/test.ts'

const RETRY_AFTER_MS = 3_000
/** Tabs that were told the same time spread over this much more. */
const SPREAD_MS = 1_000

for (const [form, retryAfter] of [
  ['seconds', () => '3'],
  // It has whole seconds only: the next one after the time that is meant.
  ['a date', () => new Date(Date.now() + RETRY_AFTER_MS + 1_000).toUTCString()],
] as const) {
  test(`a 429 whose Retry-After is given as ${form} is obeyed: not a request before, and one soon after`, async ({
    front,
    openBehindFront,
    server,
  }) => {
    const tab = await openBehindFront()
    front.conduct = { status: 429, headers: { 'retry-after': retryAfter() }, body: '{"code":"rate_limited"}' }
    const made = await tab.trackMany(50, 'limited')
    await expect.poll(() => front.posts.length, { intervals: [5] }).toBe(1)
    front.conduct = 'passes'
    const more = await tab.trackInSteps(50, 5, 'meanwhile')
    await tab.page.evaluate(() => window.dispatchEvent(new Event('online')))
    await expectExactlyOnce(
      server,
      [...made, ...more].map((one) => one.id),
    )
    const [refused, next] = front.posts
    const waitedMs = next!.atMs - refused!.atMs
    expect(waitedMs).toBeGreaterThanOrEqual(RETRY_AFTER_MS - 50)
    expect(waitedMs).toBeLessThan(RETRY_AFTER_MS + 1_000 + SPREAD_MS + 1_500)
  })
}

test('a captive portal that answers 200 with a page of its own gives no receipt: everything stays until the server itself answers', async ({
  front,
  openBehindFront,
  server,
}) => {
  const tab = await openBehindFront()
  front.conduct = {
    status: 200,
    headers: { 'content-type': 'text/html' },
    body: '<!doctype html><h1>Welcome to the hotel</h1>',
  }
  const made = await tab.trackMany(80, 'in_a_hotel')
  await expect.poll(() => front.posts.length).toBeGreaterThanOrEqual(2)
  expect(await tab.stats()).toMatchObject({ sent: 0, queued: 80 })
  expect(await tab.waiting()).toBe(80)
  front.conduct = 'passes'
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
})

test('a blocker that cuts off every request makes nothing lost: status 0 keeps everything until it is gone', async ({
  context,
  openBehindFront,
  front,
  server,
}) => {
  const tab = await openBehindFront()
  let blocked = 0
  await context.route('**/v1/events*', (route) => {
    blocked += 1
    return route.abort('blockedbyclient')
  })
  const made = await tab.trackMany(80, 'blocked')
  await expect.poll(() => blocked).toBeGreaterThanOrEqual(2)
  expect(front.posts).toEqual([])
  expect(await tab.stats()).toMatchObject({ sent: 0, queued: 80 })
  await context.unroute('**/v1/events*')
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
})

test('a mix of 500, 502, 503, 404, 429, resets and foreign 400s, with the browser online all the time, loses nothing and doubles nothing', async ({
  front,
  openBehindFront,
  server,
}) => {
  test.setTimeout(150_000)
  const tabs = [await openBehindFront(), await openBehindFront()]
  // A success now and then, or the waits between tries would grow beyond a test's patience.
  const moods: Conduct[] = [
    { status: 500 },
    'resets',
    'passes',
    { status: 502, body: '<h1>Bad gateway</h1>' },
    OVERLOADED,
    'passes',
    { status: 404, body: 'not found' },
    { status: 429, headers: { 'retry-after': '1' } },
    'passes',
    { status: 400, body: '<h1>Bad request</h1>' },
  ]
  await Promise.all(tabs.map((tab) => tab.startLoad('mixed')))
  for (const mood of moods) {
    front.conduct = mood
    const before = front.posts.length
    await expect
      .poll(() => front.posts.length, { message: `nobody met ${JSON.stringify(mood)}` })
      .toBeGreaterThan(before)
  }
  const isOnline = await Promise.all(tabs.map((tab) => tab.page.evaluate(() => navigator.onLine)))
  expect(isOnline).toEqual([true, true])
  const ids = (await Promise.all(tabs.map((tab) => tab.stopLoad()))).flat()
  front.conduct = 'passes'
  await expectExactlyOnce(server, ids, 90_000)
  for (const tab of tabs) await expect.poll(() => tab.waiting()).toBe(0)
})

test('after 20 s of resets while the browser is online, sending goes on by itself once the server is back, and nothing is lost', async ({
  front,
  openBehindFront,
  server,
}) => {
  test.setTimeout(150_000)
  const tab = await openBehindFront()
  front.conduct = 'resets'
  const made = await tab.trackInSteps(50, 5, 'reset')
  await sleep(20_000)
  expect(await tab.page.evaluate(() => navigator.onLine)).toBe(true)
  front.conduct = 'passes'
  const backMs = Date.now()
  await expect.poll(() => front.posts.some((post) => post.passed), { timeout: 30_000 }).toBe(true)
  const waitedMs = front.posts.find((post) => post.passed)!.atMs - backMs
  console.log(`first send ${waitedMs} ms after the server came back, ${front.posts.length} requests in all`)
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  // Five seconds at most between two tries, and what a busy machine adds.
  expect(waitedMs, 'the tab that tries for all waits five seconds at most').toBeLessThan(6_500)
})
