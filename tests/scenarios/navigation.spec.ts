import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { expect, test } from '../harness/test.ts'

for (const count of [100, 1_000]) {
  test(`navigating away in the same task as ${count} tracks loses nothing`, async ({ openTab, server }) => {
    const tab = await openTab()
    const ids = await tab.trackAndLeave(count, 'left', '/next')
    expect(ids).toHaveLength(count)
    await tab.init(server.url)
    await expectExactlyOnce(server, ids)
    await expect.poll(() => tab.waiting()).toBe(0)
  })
}

test('the next tab delivers the events of a tab closed right after 100 tracks', async ({ openTab, server }) => {
  const tab = await openTab()
  const made = await tab.trackMany(100, 'closed')
  await tab.page.close({ runBeforeUnload: false })
  const next = await openTab()
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  await expect.poll(() => next.waiting()).toBe(0)
})
