import { setTimeout as sleep } from 'node:timers/promises'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

const TABS = 4
/** By then the tabs have agreed on who tries. */
const AGREED_MS = 12_000
const WATCHED_MS = 25_000

test('while the server fails, one tab of four tries it again for all, and all deliver once it has got through', async ({
  front,
  openBehindFront,
  server,
}) => {
  test.setTimeout(120_000)
  const tabs = []
  for (let index = 0; index < TABS; index += 1) tabs.push(await openBehindFront())
  await separateRenderers(tabs.map((tab) => tab.page))
  front.conduct = 'resets'
  const made = (await Promise.all(tabs.map((tab) => tab.trackMany(20, 'failing')))).flat()
  await sleep(AGREED_MS)
  const before = front.posts.length
  await sleep(WATCHED_MS)
  const probes = front.posts.slice(before)
  expect(new Set(probes.flatMap((post) => post.producers)).size, 'tabs that tried').toBe(1)
  const holders = new Set(await Promise.all(tabs.map(async (tab) => (await tab.stats()).lock.holder)))
  expect(holders, 'who tries, as each tab knows it').toEqual(new Set(probes[0]!.producers))

  front.conduct = 'passes'
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  expect(new Set(front.posts.filter((post) => post.passed).flatMap((post) => post.producers)).size).toBe(TABS)
})
