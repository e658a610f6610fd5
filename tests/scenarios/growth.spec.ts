import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { expect, test } from '../harness/test.ts'

const WHOLE = '**/full.js'

test('the whole client goes on where the first one was: same producer, next number, and nothing is stored twice', async ({
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

test('a page that never gets the whole client delivers its events all the same, after an outage too', async ({
  context,
  openTab,
  server,
}) => {
  await context.route(WHOLE, (route) => route.abort())
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
