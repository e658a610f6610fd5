import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '../../harness/any_engine.ts'
import { expectExactlyOnce } from '../../harness/exactly_once.ts'
import type { Post } from '../../harness/fault_proxy.ts'
import { TabClient } from '../../harness/tab_client.ts'

const PAGES = 10
/** Events of each page. */
const EVENTS = 20
/** How many bytes a visit may send for each byte of the requests that have events. */
const BYTES_MAX = 1.05
/** By then, a page has found and sent what earlier pages left. */
const ADOPTED_MS = 14_000

function bytes(posts: Post[]): number {
  return posts.reduce((sum, post) => sum + post.bytes, 0)
}

test(`${PAGES} pages that are left in the task of their events send each event once`, async ({
  engine,
  faultProxy,
  server,
}) => {
  const client = new TabClient(await engine.openTab())
  for (let page = 1; page <= PAGES; page += 1) {
    await client.init(faultProxy.url)
    await client.trackAndVisit(EVENTS, 'left', `?page=${page}`)
  }
  // A slow navigation lets a page read its answer before it ends.
  const left = await client.waiting()
  expect(left, 'events whose answer no page has read').toBeGreaterThanOrEqual((PAGES * EVENTS) / 2)
  await client.init(faultProxy.url)
  await expect.poll(() => client.waiting()).toBe(0)

  const ids = await client.left()
  expect(ids).toHaveLength(PAGES * EVENTS)
  await expectExactlyOnce(server, ids)
  expect((await server.api.totals()).duplicates, 'events that were sent twice').toBe(0)
  const { posts } = faultProxy
  const ratio = bytes(posts) / bytes(posts.filter((post) => post.events > 0))
  test.info().annotations.push({ type: 'bytes', description: `${posts.length} requests, ${ratio.toFixed(4)} times` })
  expect(ratio).toBeLessThanOrEqual(BYTES_MAX)
  await expect.poll(async () => (await client.stats()).adopted).toBe(left)
})

test('pages that are left after their last answer cause no further request', async ({ engine, faultProxy, server }) => {
  const client = new TabClient(await engine.openTab())
  const ids: string[] = []
  for (const page of ['?page=1', '?page=2']) {
    await client.init(faultProxy.url)
    ids.push(...(await client.trackMany(EVENTS, 'answered')).map((one) => one.id))
    await expect.poll(async () => (await client.stats()).queued).toBe(0)
    await client.trackAndVisit(0, 'none', page)
  }
  const requests = faultProxy.posts.length
  await client.init(faultProxy.url)
  await sleep(ADOPTED_MS)
  expect(faultProxy.posts.length, 'requests of the last page').toBe(requests)
  await expectExactlyOnce(server, ids)
  expect((await server.api.totals()).duplicates).toBe(0)
})
