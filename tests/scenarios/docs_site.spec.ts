import { test as base, type Page } from '@playwright/test'
import { PublishedSite } from '../harness/docs/published_site.ts'
import { expect } from '../harness/test.ts'

const WIDTHS = [390, 768, 1440]
const SCHEMES = ['light', 'dark'] as const
/** Pages with what is hard to fit: wide tables, long code, long words. */
const SHOWN = ['index.html', 'http.html', 'troubleshooting.html', 'configuration.html', 'api/lamplight.html']

/** One site for all tests of this file: building it takes longer than they do. */
const test = base.extend<object, { published: PublishedSite }>({
  published: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that are needed from this pattern.
    async ({}, use) => {
      const site = await PublishedSite.build()
      await use(site)
      await site.close()
    },
    { scope: 'worker', timeout: 180_000 },
  ],
})

test('every page of the site loads only its own files and breaks no policy', async ({ page, published }) => {
  const faults = watch(page, published)
  for (const path of published.pages) {
    await page.goto(`${published.url}${path}`)
    await expect(page.locator('h1').first(), path).toBeVisible()
    const policy = page.locator('meta[http-equiv="Content-Security-Policy"]')
    expect(await policy.getAttribute('content'), path).toContain("default-src 'none'; script-src 'self' 'sha256-")
  }
  expect(faults).toEqual([])
})

test('no page of the site is wider than a phone, a tablet or a screen', async ({ page, published }) => {
  for (const path of SHOWN) {
    await page.goto(`${published.url}${path}`)
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 })
      for (const colorScheme of SCHEMES) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        // The page follows the window with its next frames.
        const excess = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        await expect.poll(excess, { message: `${path} at ${width} px` }).toBeLessThanOrEqual(0)
        const root = page.locator('html')
        if (colorScheme === 'dark') await expect(root, path).toHaveClass(/dark/)
        else await expect(root, path).not.toHaveClass(/dark/)
        const file = `docs-site-${path.replaceAll('/', '-').replace('.html', '')}-${colorScheme}-${width}.png`
        await page.screenshot({ path: new URL(`../results/${file}`, import.meta.url).pathname })
      }
    }
  }
})

test('the search of the site finds an error code on the page that explains it', async ({ page, published }) => {
  await page.setViewportSize({ width: 1440, height: 900 })
  const faults = watch(page, published)
  await page.goto(`${published.url}index.html`)
  await page.getByRole('button', { name: 'Search' }).first().click()
  await page.getByRole('searchbox').fill('source_over_share')
  await page.locator('a.result[href*="troubleshooting"]').first().click()
  await expect(page).toHaveURL(/\/troubleshooting/)
  expect(faults).toEqual([])
})

test('links lead to pages, to headings, and to files of the repository', async ({ page, published }) => {
  const faults = watch(page, published)
  await page.goto(`${published.url}index.html`)
  await page.locator('main').getByRole('link', { name: 'docs/http.md' }).first().click()
  await expect(page.locator('h1')).toContainText('plain HTTP')
  await page.locator('main').getByRole('link', { name: 'rate limit', exact: true }).first().click()
  await expect(page).toHaveURL(/#rate-limits$/)
  const example = page.locator('main').getByRole('link', { name: 'Rails' }).first()
  await expect(example).toHaveAttribute(
    'href',
    'https://github.com/lamplight-telemetry/lamplight/tree/main/examples/rails',
  )
  expect(faults).toEqual([])
})

/** What a page reports, and what it requests from elsewhere. */
function watch(page: Page, { url }: PublishedSite): string[] {
  const faults: string[] = []
  page.on('pageerror', ({ message }) => faults.push(message))
  page.on('console', (line) => ['error', 'warning'].includes(line.type()) && faults.push(line.text()))
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) faults.push(request.url())
  })
  return faults
}
