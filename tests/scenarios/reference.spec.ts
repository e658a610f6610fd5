import { expect, test } from '../harness/test.ts'

const WIDTHS = [390, 768, 1440]
const SCHEMES = ['light', 'dark'] as const

test.use({ javaScriptEnabled: false })

test('the API reference fits every width, in light and dark, and keeps to its policy', async ({ page, server }) => {
  const errors: string[] = []
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  const requested: string[] = []
  page.on('request', (request) => requested.push(request.url()))
  await page.goto(`${server.url}/api/docs`)
  await expect(page.getByRole('heading', { name: 'Lamplight API' })).toBeVisible()
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 })
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme })
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      expect(wide, `${width} px, ${colorScheme}`).toBeLessThanOrEqual(0)
      const path = new URL(`../results/reference-${colorScheme}-${width}.png`, import.meta.url).pathname
      await page.screenshot({ path })
    }
  }
  await page.getByRole('link', { name: 'GET /api/events', exact: true }).click()
  await expect(page.getByRole('heading', { name: 'List events' })).toBeInViewport()
  expect(errors).toEqual([])
  expect(requested.every((url) => url.startsWith(server.url))).toBe(true)
})
