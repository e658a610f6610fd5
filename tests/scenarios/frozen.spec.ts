import type { Page } from '@playwright/test'
import type { Client } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

/** Waits until all tabs agree on the holder of the lease, and returns its index. */
async function holderAmong(tabs: Client[]): Promise<number> {
  let holder = -1
  await expect
    .poll(
      async () => {
        const stats = await Promise.all(tabs.map((tab) => tab.stats()))
        const named = new Set(stats.map(({ lock }) => lock.holder))
        holder = stats.findIndex(({ producer }) => named.size === 1 && named.has(producer))
        return holder
      },
      { message: 'all tabs agree on one holder', timeout: 40_000 },
    )
    .toBeGreaterThanOrEqual(0)
  return holder
}

async function setLifecycle(page: Page, state: 'frozen' | 'active'): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await session.send('Page.setWebLifecycleState', { state })
}

test('a stopped lease holder is replaced, and does no harm when it continues', async ({
  faultProxy,
  openBehindProxy,
  server,
}) => {
  test.setTimeout(180_000)
  const tabs = [await openBehindProxy(), await openBehindProxy(), await openBehindProxy()]
  const pids = await separateRenderers(tabs.map((tab) => tab.page))
  faultProxy.behaviour = 'reset'
  const made = (await Promise.all(tabs.map((tab) => tab.trackMany(60, 'outage')))).flat()
  const stopped = await holderAmong(tabs)
  // A stopped process keeps its Web Lock, so only its missing heartbeat reveals it.
  process.kill(pids[stopped]!, 'SIGSTOP')
  try {
    const victim = (stopped + 1) % tabs.length
    await killRenderer(tabs[victim]!.page, pids[victim]!)
    faultProxy.behaviour = 'forward'
    const survivor = tabs.find((_, index) => index !== stopped && index !== victim)!
    await expect
      .poll(async () => (await survivor.stats()).adopted, { timeout: 90_000, message: 'events of the killed tab' })
      .toBe(60)
    expect((await survivor.stats()).lock.history.length).toBeGreaterThanOrEqual(2)
  } finally {
    process.kill(pids[stopped]!, 'SIGCONT')
  }
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  await expect.poll(() => tabs[stopped]!.waiting()).toBe(0)
})

test('a frozen lease holder is replaced, and later delivers its own events', async ({
  faultProxy,
  openBehindProxy,
  server,
}) => {
  test.setTimeout(150_000)
  const tabs = [await openBehindProxy(), await openBehindProxy()]
  await separateRenderers(tabs.map((tab) => tab.page))
  faultProxy.behaviour = 'reset'
  const made = (await Promise.all(tabs.map((tab) => tab.trackMany(60, 'outage')))).flat()
  const holder = await holderAmong(tabs)
  const [frozen, awake] = [tabs[holder]!, tabs[1 - holder]!]
  await setLifecycle(frozen.page, 'frozen')
  faultProxy.behaviour = 'forward'
  await expect.poll(async () => (await awake.stats()).queued, { timeout: 60_000 }).toBe(0)
  await setLifecycle(frozen.page, 'active')
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  const later = await frozen.trackMany(20, 'thawed')
  await expectExactlyOnce(
    server,
    [...made, ...later].map((one) => one.id),
  )
  await expect.poll(() => frozen.waiting()).toBe(0)
})
