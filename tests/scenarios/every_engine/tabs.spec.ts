import { expect, test } from '../../harness/any_engine.ts'
import { separateProcesses } from '../../harness/engines/tab.ts'
import { expectExactlyOnce } from '../../harness/exactly_once.ts'

test('each event of one tab is stored once and removed from localStorage', async ({ openClient, server }) => {
  const tab = await openClient()
  const made = await tab.trackMany(50, 'opened', { text: 'ünïcödé 💡' })
  expect(made.every((one) => one.stored)).toBe(true)
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  await expect.poll(() => tab.waiting()).toBe(0)
})

test('four tabs in four processes track concurrently, and each event is stored once', async ({
  openClient,
  server,
}) => {
  const tabs = [await openClient(), await openClient(), await openClient(), await openClient()]
  await separateProcesses(tabs.map((client) => client.tab))
  const made = (await Promise.all(tabs.map((tab) => tab.trackInSteps(250, 25, 'worked')))).flat()
  expect(made.filter((one) => !one.stored)).toEqual([])
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  for (const tab of tabs) {
    await expect.poll(() => tab.waiting(), { message: 'events left in localStorage' }).toBe(0)
    expect(await tab.stats()).toMatchObject({ made: 250, queued: 0 })
  }
})
