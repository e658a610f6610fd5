import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { expect, test } from '../harness/test.ts'

const FULL_CLIENT = '**/full.js'

test('the full client continues with the producer and numbers of the first client', async ({
  context,
  openTab,
  server,
}) => {
  const arrived = context.waitForEvent('response', (response) => response.url().endsWith('/full.js'))
  const tab = await openTab()
  const before = await tab.trackMany(30, 'before')
  await arrived
  const during = await tab.trackMany(30, 'during')
  await tab.page.waitForTimeout(1_000)
  const after = await tab.trackMany(30, 'after')
  const made = [...before, ...during, ...after]
  expect(made.map((one) => one.seq)).toEqual(Array.from({ length: 90 }, (_, index) => index + 1))
  expect(new Set(made.map((one) => one.id.split('-')[0])).size).toBe(1)
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
})

test('a page without the full client delivers its events, also after an outage', async ({
  context,
  openTab,
  server,
}) => {
  await context.route(FULL_CLIENT, (route) => route.abort())
  const tab = await openTab()
  const before = await tab.trackMany(20, 'before')
  await server.kill()
  const during = await tab.trackMany(20, 'during')
  await tab.page.waitForTimeout(4_000)
  await server.restart()
  await expectExactlyOnce(
    server,
    [...before, ...during].map((one) => one.id),
  )
})
