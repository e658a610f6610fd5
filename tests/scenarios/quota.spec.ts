import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { emptyStorage, fillStorage, keepCart } from '../harness/host_page.ts'
import { expect, test } from '../harness/test.ts'

test('with localStorage full before init, events report it and still arrive', async ({
  context,
  faultProxy,
  openBehindProxy,
  server,
  site,
}) => {
  const host = await context.newPage()
  await host.goto(site.origin)
  await host.evaluate(fillStorage, 0)
  faultProxy.behaviour = 'reset'
  const tab = await openBehindProxy()
  const made = await tab.trackMany(200, 'full_before')
  expect(made.filter((one) => one.stored)).toEqual([])
  expect(made.every((one) => one.seq > 0)).toBe(true)
  faultProxy.behaviour = 'forward'
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
})

test('with localStorage filled during an outage, no event is lost', async ({ faultProxy, openBehindProxy, server }) => {
  const tab = await openBehindProxy()
  faultProxy.behaviour = 'reset'
  const before = await tab.trackMany(200, 'before')
  expect(before.every((one) => one.stored)).toBe(true)
  await tab.page.evaluate(fillStorage, 0)
  const after = await tab.trackMany(200, 'after')
  expect(after.filter((one) => !one.stored).length, 'events without room').toBeGreaterThan(150)
  faultProxy.behaviour = 'forward'
  await expectExactlyOnce(
    server,
    [...before, ...after].map((one) => one.id),
  )
  await tab.page.evaluate(emptyStorage)
  await expect.poll(() => tab.waiting()).toBe(0)
})

test('with the share of localStorage full, the host page can still write', async ({ faultProxy, openBehindProxy }) => {
  const tab = await openBehindProxy()
  faultProxy.behaviour = 'reset'
  // In one task, because later the oldest events would move to the overflow.
  const made = await tab.trackMany(4_000, 'crowd', { note: 'x'.repeat(200) })
  expect(made.filter((one) => !one.stored).length, 'the share is full').toBeGreaterThan(0)
  expect(await tab.page.evaluate(keepCart, 2_000), 'failed writes of the host page').toBe(0)
})
