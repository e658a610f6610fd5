// The numbers of the demo lead into the server's console.
import type { Page } from '@playwright/test'
import { DemoPage } from '../harness/demo_page.ts'
import { expect, test } from '../harness/test.ts'

test.use({ command: 'demo', viewport: { width: 1280, height: 900 } })

const PRODUCER = /^[0-9A-Z]{26}$/

/** Presses a button of the demo, and returns the tab that opens, whose address it checks. */
async function follow(demo: DemoPage, selector: string): Promise<{ path: string; page: Page }> {
  const opening = demo.page.context().waitForEvent('page')
  await demo.page.locator(selector).first().click()
  const page = await opening
  await page.waitForURL(/\/(?!login|demo)[a-z]/)
  const url = new URL(page.url())
  return { path: url.pathname + url.search, page }
}

test('every number, tab and event of the demo opens the console, signed in as a viewer', async ({
  context,
  server,
}) => {
  test.setTimeout(120_000)
  const demo = await DemoPage.open(context, server.url)
  const [tab] = await demo.openTabs('Open a tab', 1)
  await tab!.getByRole('button', { name: 'Track one event' }).click()
  await demo.page.bringToFront()
  await demo.expectState('holds', 30_000)
  await expect(demo.page.locator('#tail th button')).toHaveCount(1)
  const producer = await tab!.locator('#producer').textContent()
  expect(producer).toMatch(PRODUCER)
  const { id } = (await server.api.events())[0]!
  const asked: string[] = []
  context.on('request', (request) => void asked.push(request.url()))

  for (const [selector, path] of [
    ['#made', '/overview'],
    ['#stored', '/events'],
    ['#on-the-way', '/queues'],
    ['#dropped', '/producers?verdict=declared'],
    ['#lost', '/producers?verdict=lost'],
    ['#duplicates', '/overview'],
    ['#tabs .name button', `/producers?producer=${producer}`],
    ['#tabs .made button', `/producers?producer=${producer}`],
    ['#tabs .stored button', `/events?producer=${producer}`],
    ['#tabs .waiting button', `/producers?producer=${producer}`],
    ['#tail th button', `/events/${id}`],
    ['#tail td .link', `/producers?producer=${producer}`],
  ] as const) {
    const opened = await follow(demo, selector)
    expect(opened.path, selector).toBe(path)
    expect(await opened.page.evaluate(() => window.opener), 'the page cannot reach the demo').toBeNull()
    await opened.page.close()
  }
  const { token } = (await (await fetch(`${server.url}/demo/config.json`)).json()) as { token: string }
  expect(asked.length).toBeGreaterThan(12)
  expect(asked.filter((url) => url.includes(token) || url.includes('vt_'))).toEqual([])

  const overview = await context.newPage()
  await overview.goto(`${server.url}/overview`)
  await expect(overview.getByRole('button', { name: 'Sign out' })).toBeVisible()
})

test('after a restart of the server, the demo counts on and still opens the console', async ({ context, server }) => {
  const demo = await DemoPage.open(context, server.url)
  await demo.openTabs('Open a tab', 1)
  await demo.press('1,000 at once')
  await demo.expectState('holds', 30_000)
  await server.kill()
  await demo.expectState('on_the_way', 10_000)
  await server.restart()
  await demo.press('1,000 at once')
  await expect(demo.page.locator('#stored')).toHaveText('2,000')
  await demo.expectState('holds', 60_000)
  const { path, page } = await follow(demo, '#made')
  expect(path).toBe('/overview')
  await expect(page.getByRole('button', { name: 'Sign out' })).toBeVisible()
})
