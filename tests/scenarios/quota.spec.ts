import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { emptyStorage, fillStorage, keepCart } from '../harness/host_page.ts'
import { expect, test } from '../harness/test.ts'

test('a page that has filled localStorage before init loses no event: they say that they are not stored, and arrive', async ({
  context,
  front,
  openBehindFront,
  server,
  site,
}) => {
  const host = await context.newPage()
  await host.goto(site.origin)
  await host.evaluate(fillStorage, 0)
  front.conduct = 'resets'
  const tab = await openBehindFront()
  const made = await tab.trackMany(200, 'full_before')
  expect(made.filter((one) => one.stored)).toEqual([])
  expect(made.every((one) => one.seq > 0)).toBe(true)
  front.conduct = 'passes'
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
})

test('a page that fills localStorage in the middle of an outage loses neither what was kept before nor what is tracked after', async ({
  front,
  openBehindFront,
  server,
}) => {
  const tab = await openBehindFront()
  front.conduct = 'resets'
  const before = await tab.trackMany(200, 'before')
  expect(before.every((one) => one.stored)).toBe(true)
  await tab.page.evaluate(fillStorage, 0)
  const after = await tab.trackMany(200, 'after')
  expect(after.filter((one) => !one.stored).length, 'events that found no room').toBeGreaterThan(150)
  front.conduct = 'passes'
  await expectExactlyOnce(
    server,
    [...before, ...after].map((one) => one.id),
  )
  await tab.page.evaluate(emptyStorage)
  await expect.poll(() => tab.waiting()).toBe(0)
})

test('with our whole share of localStorage taken in an outage, the page around us still writes what it likes', async ({
  front,
  openBehindFront,
}) => {
  const tab = await openBehindFront()
  front.conduct = 'resets'
  // At once, because given time the oldest make room.
  const made = await tab.trackMany(4_000, 'crowd', { note: 'x'.repeat(200) })
  expect(made.filter((one) => !one.stored).length, 'our share is full').toBeGreaterThan(0)
  expect(await tab.page.evaluate(keepCart, 2_000), 'writes of the page that failed').toBe(0)
})
