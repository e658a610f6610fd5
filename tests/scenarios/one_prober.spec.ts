import { setTimeout as sleep } from 'node:timers/promises'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

const TABS = 4
/** After this time the tabs have agreed on which of them retries. */
const AGREED_MS = 12_000
const WATCHED_MS = 25_000

test('one of four tabs retries a failing server for all, and then all deliver', async ({
  faultProxy,
  openBehindProxy,
  server,
}) => {
  test.setTimeout(120_000)
  const tabs = []
  for (let index = 0; index < TABS; index += 1) tabs.push(await openBehindProxy())
  await separateRenderers(tabs.map((tab) => tab.page))
  faultProxy.behaviour = 'reset'
  const made = (await Promise.all(tabs.map((tab) => tab.trackMany(20, 'failing')))).flat()
  await sleep(AGREED_MS)
  const before = faultProxy.posts.length
  await sleep(WATCHED_MS)
  const probes = faultProxy.posts.slice(before)
  expect(new Set(probes.flatMap((post) => post.producers)).size, 'tabs that retried').toBe(1)
  const holders = new Set(await Promise.all(tabs.map(async (tab) => (await tab.stats()).lock.holder)))
  expect(holders, 'the retrying tab, according to each tab').toEqual(new Set(probes[0]!.producers))

  faultProxy.behaviour = 'forward'
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  expect(new Set(faultProxy.posts.filter((post) => post.forwarded).flatMap((post) => post.producers)).size).toBe(TABS)
})
