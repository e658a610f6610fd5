import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { expect, test } from '../harness/test.ts'

test('a tracked event becomes a row with its name, properties and producer', async ({ openTab, server }) => {
  const tab = await openTab()
  const properties = { plan: 'pro', seats: 12, nested: { deep: [1, 'two', null, true] }, text: 'ünïcödé 💡 "quoted"\n' }
  const made = await tab.track('signed_up', properties)
  expect(made).toMatchObject({ seq: 1, stored: true })

  await expectExactlyOnce(server, [made.id])
  const [row] = await server.api.events({ name: 'signed_up' })
  expect(row).toMatchObject({ name: 'signed_up', type: 'default', seq: 1, properties: { ...properties, index: 0 } })
  expect(made.id).toBe(`${row?.producer}-1`)
  await expect.poll(() => tab.waiting()).toBe(0)
})

test('an event can be read by its id, with a timeline that begins before its row', async ({ openTab, server }) => {
  const tab = await openTab()
  await tab.track('opened')
  await expect.poll(async () => (await server.api.events()).length).toBe(1)
  const [row] = await server.api.events()
  const event = await server.api.event(row?.id ?? '')
  expect(event).toMatchObject({ name: 'opened' })
  expect((event['timeline'] as unknown[]).length).toBeGreaterThan(1)
})

test('increments, gauges and timings become monitor events with their values', async ({ openTab, server }) => {
  const tab = await openTab()
  await tab.page.evaluate(() => {
    window.lamplight.increment('cart.added', 3)
    window.lamplight.gauge('cart.size', 7)
    window.lamplight.timing('checkout.latency', 12.5)
  })
  await expect.poll(async () => (await server.api.events({ type: 'monitor' })).length).toBe(3)
  const rows = await server.api.events({ type: 'monitor' })
  const measured = Object.fromEntries(rows.map((row) => [row.monitor?.['metric'] ?? row.name, row.monitor]))
  expect(measured).toMatchObject({
    'cart.added': { kind: 'increment', value: 3 },
    'cart.size': { kind: 'gauge', value: 7 },
    'checkout.latency': { kind: 'timer', value: 12.5 },
  })
})
