import AxeBuilder from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { PAGES, sendEverything, signIn, watch } from '../harness/console.ts'
import { form } from '../harness/form.ts'
import { expect, test } from '../harness/test.ts'

const WIDTHS = [390, 768, 1440]
const SCHEMES = ['light', 'dark'] as const

/** The pages of the menu, and those that their rows open. */
async function everyPage(page: Page, url: string): Promise<string[]> {
  const linked = async (list: string, to: RegExp) => {
    await page.goto(url + list)
    const all = await page
      .locator('main a[href]')
      .evaluateAll((links) => links.map((link) => link.getAttribute('href')!))
    const wanted = [...new Set(all)].filter((href) => to.test(href)).slice(0, 2)
    expect(wanted, `links on ${list}`).not.toEqual([])
    return wanted
  }
  const EVENT = /^\/events\/[0-9a-f]{8}-[0-9a-f-]{27}$/
  const [event] = await linked('/events?name=order_paid', EVENT)
  return [
    '/login',
    ...PAGES,
    '/events?state=duplicate',
    '/events?state=invalid',
    '/events/counts',
    '/events/replay',
    '/events/replays',
    '/trends?resolution=minute&figure=stored',
    ...(await linked('/events', EVENT)),
    ...['properties', 'enrichment', 'raw', 'neighbours'].map((tab) => `${event}?tab=${tab}`),
    ...(await linked('/producers', /^\/producers\/[0-9A-Z]{26}/)),
    ...(await linked('/errors', /^\/errors\/group/)),
    ...(await linked('/sources', /^\/sources\/source/)),
    ...(await linked('/sources/source?source=web', /^\/sources\/name/)),
  ]
}

/** By how many pixels a page is too wide, once its charts are drawn for the new width. */
async function overflow(page: Page) {
  const excess = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  for (const end = Date.now() + 5_000; Date.now() < end && (await excess()) > 0; ) await page.waitForTimeout(100)
  return excess()
}

test('no page has a fault of accessibility, an overflow, or refused content', async ({ context, server }) => {
  test.setTimeout(420_000)
  const complaints = watch(context)
  await sendEverything(server)
  const page = await context.newPage()
  await signIn(page, server)
  await expect.poll(async () => (await server.api.totals()).stored).toBeGreaterThan(10)
  const faults: string[] = []
  for (const [at, path] of (await everyPage(page, server.url)).entries()) {
    // All pages share the style sheet, so the short form tries one scheme on every other page.
    for (const colorScheme of form([SCHEMES[at % 2]!], [...SCHEMES])) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.setViewportSize({ width: 1440, height: 900 })
      const response = await page.goto(server.url + path)
      if (response?.status() !== 200) faults.push(`${path} answers ${response?.status()}`)
      const { violations } = await new AxeBuilder({ page }).analyze()
      for (const { id, nodes } of violations) {
        faults.push(`${path}, ${colorScheme}: ${id}: ${nodes.map((node) => node.html.slice(0, 160)).join('\n')}`)
      }
    }
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 })
      const over = await overflow(page)
      if (over > 0) faults.push(`${path} is ${over} px wider than ${width} px`)
    }
    if (!(await page.title()).includes('Lamplight')) faults.push(`${path} has the title ${await page.title()}`)
  }
  expect([...faults, ...complaints]).toEqual([])
})

test('every page can be read without JavaScript', async ({ browser, server }) => {
  await sendEverything(server)
  const context = await browser.newContext({ javaScriptEnabled: false })
  const page = await context.newPage()
  await signIn(page, server)
  for (const path of PAGES) {
    await page.goto(server.url + path)
    await expect(page.locator('h1'), path).toBeVisible()
    await expect(page.locator('.top nav a[aria-current]'), path).toHaveAttribute('href', path)
  }
  await page.getByRole('button', { name: 'Sign out' }).click()
  await expect(page.getByLabel('Token')).toBeVisible()
  await context.close()
})

test('the first load takes at most 40 KB', async ({ context, server }) => {
  const page = await context.newPage()
  const session = await context.newCDPSession(page)
  await session.send('Network.enable')
  let bytes = 0
  session.on('Network.loadingFinished', (event) => {
    bytes += event.encodedDataLength
  })
  await signIn(page, server)
  await page.waitForLoadState('networkidle')
  // The sign-in loads the style sheet and the scripts, the overview only its HTML.
  expect(bytes).toBeGreaterThan(10_000)
  expect(bytes).toBeLessThanOrEqual(40_960)
})

test('the keyboard opens pages and rows, and a key lists all keys', async ({ context, server }) => {
  await sendEverything(server)
  const page = await context.newPage()
  await signIn(page, server)
  await page.keyboard.press('g')
  await page.keyboard.press('e')
  await page.waitForURL('**/events')
  await expect(page.locator('tbody tr').first()).toBeVisible()
  await page.keyboard.press('j')
  await expect(page.locator('tr[data-current]')).toHaveCount(1)
  await page.keyboard.press('j')
  await page.keyboard.press('k')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/events/*')
  await page.keyboard.press('?')
  await expect(page.getByRole('dialog')).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('dialog')).toHaveCount(0)
})

test('times are in the zone of the reader, with the exact value on hover', async ({ browser, server }) => {
  await sendEverything(server)
  const context = await browser.newContext({ timezoneId: 'Asia/Tokyo', locale: 'en-GB' })
  const page = await context.newPage()
  await signIn(page, server)
  await expect.poll(async () => (await server.api.totals()).stored).toBeGreaterThan(10)
  await page.goto(`${server.url}/events?name=order_paid`)
  const time = page.locator('main time').first()
  await expect(time).toHaveAttribute('title', /^\d{4}-\d\d-\d\dT[\d:.]+Z\n.*Asia\/Tokyo/)
  await context.close()
})
