import { setTimeout as sleep } from 'node:timers/promises'
import { DemoPage } from '../harness/demo_page.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { takeScreenshots } from '../harness/screenshots.ts'
import { WRITE_KEY } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

test.use({ command: 'demo', viewport: { width: 1280, height: 900 } })

const NOTHING = { onTheWay: 0, dropped: 0, lost: 0, duplicates: 0 }

test('the equation holds after load, an outage, a closed tab and a killed tab', async ({ context, server }) => {
  test.setTimeout(300_000)
  const demo = await DemoPage.open(context, server.url)
  await demo.expectState('idle', 10_000)
  await takeScreenshots(demo.page, 'demo-1-idle')

  const tabs = await demo.openTabs('Open five', 5)
  const pids = await separateRenderers(tabs)
  await demo.page.bringToFront()
  await demo.pressFor('50 per second', 2_000)
  await demo.pressFor('500 per second', 1_000)
  // Waits for all events, because those that storage has no room for in the outage are not
  // promised.
  await demo.expectState('holds', 60_000)
  await demo.choose('is offline')
  await demo.press('1,000 at once')
  await demo.press('50 per second')
  await sleep(1_500)
  await demo.press('Stop')
  // A tab that ends loses what only its memory has, as `track()` says by `stored: false`.
  await expect.poll(async () => (await demo.waiting()).memory, { timeout: 30_000 }).toBe(0)
  await tabs[0]?.close()
  await killRenderer(tabs[1]!, pids[1]!)
  await demo.expectState('on_the_way', 5_000)
  // The browser kills a tab that is too busy to announce its closing in time.
  await expect(demo.page.locator('#tabs tr:is([data-life=killed], [data-life=closed])')).toHaveCount(2)
  await takeScreenshots(demo.page, 'demo-2-offline')

  await demo.choose('responds')
  // Another tab may have to wait for the lock, and a minute for keys that it cannot read yet.
  await demo.expectState('holds', 120_000)
  const equation = await demo.equation()
  expect(equation.made).toBeGreaterThan(2_000)
  expect(equation).toEqual({ ...NOTHING, made: equation.made, stored: equation.made })
  await expect.poll(() => demo.doneSteps()).toBe(6)
  await takeScreenshots(demo.page, 'demo-3-holds')

  await demo.page.reload()
  await demo.expectState('holds', 10_000)
  expect(await demo.equation(), 'a reload keeps the counts').toEqual(equation)
  const totals = await server.api.totals()
  expect(totals).toMatchObject({ stored: equation.made, made: equation.made, lost: 0, declared: 0, in_flight: 0 })
})

test('a tab opened after an outage adopts the events of all closed tabs', async ({ context, server }) => {
  test.setTimeout(120_000)
  const demo = await DemoPage.open(context, server.url)
  await demo.openTabs('Open a tab', 1)
  await demo.openTabs('Open a tab', 1)
  await demo.choose('returns 503')
  await demo.press('1,000 at once')
  await expect(demo.page.locator('#made')).toHaveText('2,000')
  await demo.press('Close all')
  await expect(demo.page.locator('#tabs tr[data-life=closed]')).toHaveCount(2)
  await demo.expectState('on_the_way', 5_000)
  await demo.choose('responds')
  await demo.openTabs('Open a tab', 1)
  await demo.expectState('holds', 60_000)
  expect(await demo.equation()).toEqual({ ...NOTHING, made: 2_000, stored: 2_000 })
})

test('a dashboard opened on old data starts at zero, and the equation holds', async ({ browser, context, server }) => {
  const first = await DemoPage.open(context, server.url)
  await first.openTabs('Open a tab', 1)
  await first.press('1,000 at once')
  await first.expectState('holds', 30_000)

  const other = await browser.newContext()
  const demo = await DemoPage.open(other, server.url)
  await demo.expectState('idle', 10_000)
  await demo.openTabs('Open a tab', 1)
  await demo.press('1,000 at once')
  await demo.expectState('holds', 30_000)
  expect((await demo.equation()).made).toBe(1_000)
  await other.close()
})

test('every listed event opens as JSON', async ({ context, server }) => {
  const demo = await DemoPage.open(context, server.url)
  const [tab] = await demo.openTabs('Open a tab', 1)
  await tab!.getByRole('button', { name: 'Track one event' }).click()
  await demo.page.bringToFront()
  await demo.page.getByRole('button', { name: 'JSON of clicked 1' }).click()
  await expect(demo.page.locator('#event-json')).toContainText('"timeline"')
  await takeScreenshots(demo.page, 'demo-4-event')
})

test('in the comparison with arrays in localStorage, Lamplight loses no event', async ({ context, server }) => {
  const demo = await DemoPage.open(context, server.url)
  await demo.openTabs('Open five', 5)
  await demo.press('Compare')
  const lost = demo.page.locator('#compare-lamplight .lost')
  await expect(lost).not.toHaveText('–', { timeout: 60_000 })
  await takeScreenshots(demo.page, 'demo-5-compared')
  await expect(lost).toHaveText('0')
  expect(Number(await demo.page.locator('#compare-lamplight .made').textContent())).toBeGreaterThan(100)
  for (const way of ['array', 'mutex', 'web_locks']) {
    await expect(demo.page.locator(`#compare-${way} .kept`)).not.toHaveText('–')
  }
  await demo.expectState('holds', 30_000)
})

test('events in keys, blocks and IndexedDB all count as on the way', async ({ context, server }) => {
  test.setTimeout(240_000)
  const demo = await DemoPage.open(context, server.url)
  const tabs = [...(await demo.openTabs('Open a tab', 1)), ...(await demo.openTabs('Open a tab', 1))]
  await demo.choose('is offline')
  for (let burst = 0; burst < 6; burst += 1) {
    await demo.press('1,000 at once')
    await expectToAddUp(demo, 1_000)
  }
  await expect.poll(async () => (await demo.waiting()).overflow, { timeout: 60_000 }).toBeGreaterThan(1_000)
  await expect.poll(async () => (await demo.waiting()).blocks, { timeout: 60_000 }).toBeGreaterThan(0)
  await expect.poll(async () => (await demo.waiting()).memory, { timeout: 60_000 }).toBe(0)
  await takeScreenshots(demo.page, 'demo-6-overflow')
  for (const tab of tabs) await tab.close()
  await expect(demo.page.locator('#tabs tr[data-life=closed]')).toHaveCount(2)
  // Longer than an event may be unseen before it counts as lost.
  await expectToAddUp(demo, 18_000)
  expect(await demo.equation()).toEqual({ ...NOTHING, made: 12_000, stored: 0, onTheWay: 12_000 })
  const { keys, blocks, overflow, memory } = await demo.waiting()
  expect(keys + blocks + overflow + memory).toBe(12_000)
  await expect(demo.page.locator('#evaluation')).toContainText('wait in IndexedDB')
  expect(await demo.page.locator('#tabs .waiting').allInnerTexts()).toEqual(['6,000', '6,000'])

  await demo.choose('responds')
  await demo.openTabs('Open a tab', 1)
  await expectToAddUp(demo, 5_000)
  await demo.expectState('holds', 120_000)
  expect(await demo.equation()).toEqual({ ...NOTHING, made: 12_000, stored: 12_000 })
  expect(await demo.waiting()).toEqual({ keys: 0, blocks: 0, overflow: 0, memory: 0 })
})

test('the lock card shows the claim and the holder, and an error ends with recovery', async ({ context, server }) => {
  test.setTimeout(120_000)
  const demo = await DemoPage.open(context, server.url)
  const lock = demo.page.locator('#lock')
  await demo.openTabs('Open a tab', 1)
  await expect(lock).toHaveAttribute('data-state', 'free')
  await demo.choose('returns 503')
  await demo.press('1,000 at once')
  await expect(lock).toHaveAttribute('data-state', 'claimed', { timeout: 20_000 })
  await expect(lock).toHaveAttribute('data-state', 'held', { timeout: 20_000 })
  await expect(lock.locator('#lock-state')).toHaveText('Held by Tab 1')
  const row = demo.page.locator('#tabs tr').first()
  await expect(row).toHaveAttribute('data-failing', 'true')
  await expect(row.locator('.error')).toContainText('status 503')
  await expect(row.locator('.lock')).toHaveText('holds it')

  await demo.choose('responds')
  await demo.expectState('holds', 60_000)
  await expect(lock).toHaveAttribute('data-state', 'free', { timeout: 20_000 })
  await expect(row).toHaveAttribute('data-failing', 'false')
  await expect(row.locator('.error')).toContainText('recovered at')
})

test('events from elsewhere are neither duplicates nor made by tabs', async ({ context, server }) => {
  const demo = await DemoPage.open(context, server.url)
  await server.api.post(
    '[{"name":"hello"},{"name":"hello"}]',
    { 'content-type': 'application/json' },
    `?key=${WRITE_KEY}`,
  )
  await expect(demo.page.locator('#since')).toContainText('2 rows from earlier or from elsewhere')
  // Longer than rows may be counted late.
  await expectToAddUp(demo, 5_000)
  expect(await demo.equation()).toEqual({ ...NOTHING, made: 0, stored: 0 })
  await demo.expectState('idle', 1_000)
})

/** Whenever the figures are shown, they add up, and no figure needs attention. */
async function expectToAddUp(demo: DemoPage, forMs: number): Promise<void> {
  const endMs = performance.now() + forMs
  while (performance.now() < endMs) {
    const { made, stored, onTheWay, dropped, lost, duplicates } = await demo.equation()
    expect(made).toBe(stored + onTheWay + dropped + lost)
    expect({ dropped, lost, duplicates }).toEqual({ dropped: 0, lost: 0, duplicates: 0 })
    await sleep(50)
  }
}
