import { setTimeout as sleep } from 'node:timers/promises'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { type Behaviour, OVERLOADED } from '../harness/fault_proxy.ts'
import { expect, test } from '../harness/test.ts'

const RETRY_AFTER_MS = 3_000
/** Clients add up to this much, so that they do not all retry at the same time. */
const SPREAD_MS = 1_000

for (const [form, retryAfter] of [
  ['seconds', () => '3'],
  // A date has only whole seconds, so this uses the next one.
  ['a date', () => new Date(Date.now() + RETRY_AFTER_MS + 1_000).toUTCString()],
] as const) {
  test(`the client waits for the Retry-After of a 429, given as ${form}`, async ({
    faultProxy,
    openBehindProxy,
    server,
  }) => {
    const tab = await openBehindProxy()
    faultProxy.behaviour = { status: 429, headers: { 'retry-after': retryAfter() }, body: '{"code":"rate_limited"}' }
    const made = await tab.trackMany(50, 'limited')
    await expect.poll(() => faultProxy.posts.length, { intervals: [5] }).toBe(1)
    faultProxy.behaviour = 'forward'
    const more = await tab.trackInSteps(50, 5, 'meanwhile')
    await tab.page.evaluate(() => window.dispatchEvent(new Event('online')))
    await expectExactlyOnce(
      server,
      [...made, ...more].map((one) => one.id),
    )
    const [refused, next] = faultProxy.posts
    const waitedMs = next!.atMs - refused!.atMs
    expect(waitedMs).toBeGreaterThanOrEqual(RETRY_AFTER_MS - 50)
    expect(waitedMs).toBeLessThan(RETRY_AFTER_MS + 1_000 + SPREAD_MS + 1_500)
  })
}

test('a captive portal that responds with 200 acknowledges no event', async ({
  faultProxy,
  openBehindProxy,
  server,
}) => {
  const tab = await openBehindProxy()
  faultProxy.behaviour = {
    status: 200,
    headers: { 'content-type': 'text/html' },
    body: '<!doctype html><h1>Welcome to the hotel</h1>',
  }
  const made = await tab.trackMany(80, 'in_a_hotel')
  await expect.poll(() => faultProxy.posts.length).toBeGreaterThanOrEqual(2)
  expect(await tab.stats()).toMatchObject({ sent: 0, queued: 80 })
  expect(await tab.waiting()).toBe(80)
  faultProxy.behaviour = 'forward'
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
})

test('events blocked by an ad blocker are kept until requests succeed', async ({
  context,
  openBehindProxy,
  faultProxy,
  server,
}) => {
  const tab = await openBehindProxy()
  let blocked = 0
  await context.route('**/v1/events*', (route) => {
    blocked += 1
    return route.abort('blockedbyclient')
  })
  const made = await tab.trackMany(80, 'blocked')
  await expect.poll(() => blocked).toBeGreaterThanOrEqual(2)
  expect(faultProxy.posts).toEqual([])
  expect(await tab.stats()).toMatchObject({ sent: 0, queued: 80 })
  await context.unroute('**/v1/events*')
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
})

test('a mix of error responses and resets loses and duplicates nothing', async ({
  faultProxy,
  openBehindProxy,
  server,
}) => {
  test.setTimeout(150_000)
  const tabs = [await openBehindProxy(), await openBehindProxy()]
  // Some requests succeed, because otherwise the backoff would take longer than the test.
  const behaviours: Behaviour[] = [
    { status: 500 },
    'reset',
    'forward',
    { status: 502, body: '<h1>Bad gateway</h1>' },
    OVERLOADED,
    'forward',
    { status: 404, body: 'not found' },
    { status: 429, headers: { 'retry-after': '1' } },
    'forward',
    { status: 400, body: '<h1>Bad request</h1>' },
  ]
  await Promise.all(tabs.map((tab) => tab.startLoad('mixed')))
  for (const behaviour of behaviours) {
    faultProxy.behaviour = behaviour
    const before = faultProxy.posts.length
    await expect
      .poll(() => faultProxy.posts.length, { message: `a request with ${JSON.stringify(behaviour)}` })
      .toBeGreaterThan(before)
  }
  const isOnline = await Promise.all(tabs.map((tab) => tab.page.evaluate(() => navigator.onLine)))
  expect(isOnline).toEqual([true, true])
  const ids = (await Promise.all(tabs.map((tab) => tab.stopLoad()))).flat()
  faultProxy.behaviour = 'forward'
  await expectExactlyOnce(server, ids, 90_000)
  for (const tab of tabs) await expect.poll(() => tab.waiting()).toBe(0)
})

test('after 20 s of resets, sending resumes automatically and nothing is lost', async ({
  faultProxy,
  openBehindProxy,
  server,
}) => {
  test.setTimeout(150_000)
  const tab = await openBehindProxy()
  faultProxy.behaviour = 'reset'
  const made = await tab.trackInSteps(50, 5, 'reset')
  await sleep(20_000)
  expect(await tab.page.evaluate(() => navigator.onLine)).toBe(true)
  faultProxy.behaviour = 'forward'
  const backMs = Date.now()
  await expect.poll(() => faultProxy.posts.some((post) => post.forwarded), { timeout: 30_000 }).toBe(true)
  const waitedMs = faultProxy.posts.find((post) => post.forwarded)!.atMs - backMs
  console.log(`first send ${waitedMs} ms after the server came back, ${faultProxy.posts.length} requests in total`)
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  // At most five seconds between two attempts, plus a margin for a busy machine.
  expect(waitedMs, 'the retrying tab waits at most five seconds').toBeLessThan(6_500)
})
