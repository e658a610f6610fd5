import AxeBuilder from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { PAGES, sendEverything, signIn, watch } from '../harness/console.ts'
import { expect, test } from '../harness/test.ts'

const WIDTHS = [390, 768, 1440]
const SCHEMES = ['light', 'dark'] as const

/** The pages of the menu, and one of each page that a row opens. */
async function everyPage(page: Page, url: string): Promise<string[]> {
  const pages = [
    ...PAGES,
    '/events?state=duplicate',
    '/events?state=invalid',
    '/trends?resolution=minute&figure=stored',
  ]
  const linked = async (list: string, prefix: string) => {
    await page.goto(url + list)
    const links = await page
      .locator(`main a[href^="${prefix}"]`)
      .evaluateAll((all) => all.map((link) => link.getAttribute('href')!))
    return links.slice(0, 3)
  }
  pages.push(...(await linked('/events', '/events/')), ...(await linked('/producers', '/producers/')))
  const [event] = await linked('/events?name=order_paid', '/events/')
  for (const tab of ['properties', 'enrichment', 'raw', 'neighbours']) pages.push(`${event}?tab=${tab}`)
  return pages
}

test('no page has a fault of accessibility, an overflow, or refused content', async ({ context, server }) => {
  test.setTimeout(300_000)
  const complaints = watch(context)
  await sendEverything(server)
  const page = await context.newPage()
  await signIn(page, server)
  await expect.poll(async () => (await server.api.totals()).stored).toBeGreaterThan(10)
  const pages = await everyPage(page, server.url)
  for (const path of ['/login', ...pages]) {
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.setViewportSize({ width: 1440, height: 900 })
      const response = await page.goto(server.url + path)
      expect(response?.status(), path).toBe(200)
      const { violations } = await new AxeBuilder({ page }).analyze()
      const faults = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join('\n')}`)
      expect(faults, `${path}, ${colorScheme}`).toEqual([])
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 })
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        expect(over, `${path} is wider than ${width} px`).toBeLessThanOrEqual(0)
      }
    }
    expect(await page.title(), path).toContain('Lamplight')
  }
  expect(complaints).toEqual([])
})

test('every page can be read without JavaScript', async ({ browser, server }) => {
  await sendEverything(server)
  const context = await browser.newContext({ javaScriptEnabled: false })
  const page = await context.newPage()
  await signIn(page, server)
  for (const path of PAGES) {
    await page.goto(server.url + path)
    await expect(page.locator('h1'), path).toBeVisible()
    await expect(page.locator('nav a[aria-current]'), path).toHaveAttribute('href', path)
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
