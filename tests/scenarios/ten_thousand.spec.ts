import type { Client } from '../harness/client.ts'
import { killRenderer, rendererPid } from '../harness/renderer.ts'
import type { Server } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

const EVENTS = 10_000
const PER_TASK = 250
/** About 300 bytes per event. */
const PROPERTIES = { page: '/checkout/payment', plan: 'pro', note: 'x'.repeat(120) }

async function trackAll(tab: Client): Promise<void> {
  for (let made = 0; made < EVENTS; made += PER_TASK) await tab.trackMany(PER_TASK, 'outage', PROPERTIES)
}

/** Each number is either stored or counted with its reason. */
async function expectAccountedFor(server: Server, known: { declared: number; inFlight: number }): Promise<void> {
  const totals = await server.api.totals()
  expect(totals).toMatchObject({
    made: EVENTS,
    invalid: 0,
    lost: 0,
    declared: known.declared,
    in_flight: known.inFlight,
  })
  expect(totals.stored).toBe(EVENTS - known.declared - known.inFlight)
  const rows = await server.api.events()
  expect(new Set(rows.map((row) => `${row.producer}-${row.seq}`)).size, 'rows are distinct').toBe(rows.length)
  expect(rows.length).toBe(totals.stored)
}

test('10,000 events of an outage arrive, or client and server count them as declared', async ({ openTab, server }) => {
  test.setTimeout(180_000)
  const tab = await openTab()
  await server.kill()
  await trackAll(tab)
  await server.restart()
  await expect.poll(async () => (await tab.stats()).queued, { timeout: 120_000 }).toBe(0)
  const { made, dropped } = await tab.stats()
  expect(made).toBe(EVENTS)
  const declared = Object.values(dropped).reduce((sum, count) => sum + count, 0)
  await expect.poll(async () => (await server.api.totals()).stored, { timeout: 60_000 }).toBe(EVENTS - declared)
  await expect.poll(async () => (await server.api.totals()).declared).toBe(declared)
  await expectAccountedFor(server, { declared, inFlight: 0 })
  console.log(`10,000 events in one outage: ${EVENTS - declared} stored, ${declared} declared as given up`)
})

test('the next tab delivers 10,000 events of an outage from storage and overflow', async ({ openTab, server }) => {
  test.setTimeout(240_000)
  const tab = await openTab()
  const pid = await rendererPid(tab.page)
  await server.kill()
  await trackAll(tab)
  // Events without room in localStorage take a moment to reach the overflow.
  const inOverflow = () => tab.page.evaluate(() => window.lamplight.stats().overflow.events)
  await expect.poll(inOverflow).toBeGreaterThan(1_000)
  await tab.page.waitForTimeout(6_000)
  await killRenderer(tab.page, pid)
  await server.restart()
  const adopter = await openTab()
  await expect.poll(async () => (await server.api.totals()).stored, { timeout: 150_000 }).toBe(EVENTS)
  await expect.poll(() => adopter.waiting()).toBe(0)
  await expectAccountedFor(server, { declared: 0, inFlight: 0 })
})
