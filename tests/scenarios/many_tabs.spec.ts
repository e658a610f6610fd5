import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

test('four tabs track 500 events each concurrently, and each is stored once', async ({ openTab, server }) => {
  const tabs = [await openTab(), await openTab(), await openTab(), await openTab()]
  const pids = await separateRenderers(tabs.map((tab) => tab.page))
  expect(new Set(pids).size).toBe(4)

  const made = (await Promise.all(tabs.map((tab) => tab.trackInSteps(500, 25, 'worked')))).flat()
  expect(made).toHaveLength(2_000)
  expect(made.every((one) => one.stored)).toBe(true)

  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  for (const tab of tabs) {
    await expect.poll(() => tab.waiting(), { message: 'events left in localStorage' }).toBe(0)
    expect(await tab.stats()).toMatchObject({ made: 500, queued: 0 })
  }
})
