import type { Page } from '@playwright/test'
import { DemoPage } from '../harness/demo_page.ts'
import { form } from '../harness/form.ts'
import { WRITE_KEY } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

test.use({ command: 'demo', viewport: { width: 1280, height: 900 } })

const WIDTHS = [360, 390, 768, 1024, 1041, 1101, 1280, 1440, 1920]
const SCHEMES = ['light', 'dark'] as const
const LONG_NAME = 'checkout_'.repeat(20)

test('the dashboard fits every width, in light and dark, with long values', async ({ context, server }) => {
  test.setTimeout(120_000)
  const demo = await DemoPage.open(context, server.url)
  await demo.openTabs('Open a tab', 1)
  await demo.press('1,000 at once')
  await demo.expectState('holds', 30_000)
  const properties = { text: 'word '.repeat(200), token: 'x'.repeat(2_000) }
  await server.api.post(
    JSON.stringify([{ name: LONG_NAME, properties }]),
    { 'content-type': 'application/json' },
    `?key=${WRITE_KEY}`,
  )
  await expect(demo.page.locator('#tail')).toContainText(LONG_NAME)
  await expectToFit(demo.page, 'demo-layout-1', async () => undefined)
  await demo.choose('returns 503')
  await demo.press('1,000 at once')
  await expect(demo.page.locator('#tabs tr').first()).toHaveAttribute('data-failing', 'true')
  await expectToFit(demo.page, 'demo-layout-2', () => pretendLongValues(demo.page))
})

test('a tab and the JSON of an event fit every width', async ({ context, server }) => {
  const demo = await DemoPage.open(context, server.url)
  const [tab] = await demo.openTabs('Open a tab', 1)
  await tab!.getByRole('button', { name: 'Track one event' }).click()
  await tab!.bringToFront()
  await expectToFit(tab!, 'demo-layout-tab', async () => {
    await tab!.evaluate(() => {
      for (const id of ['made', 'waiting', 'sent', 'adopted']) document.getElementById(id)!.textContent = '12,345,678'
      document.getElementById('error')!.textContent = 'x'.repeat(300)
    })
  })
  await demo.page.bringToFront()
  await demo.page.getByRole('button', { name: 'JSON of clicked 1' }).click()
  await expect(demo.page.locator('#event-json')).toContainText('"timeline"')
  await expectToFit(demo.page, 'demo-layout-event', async () => undefined)
})

/** Tabs that made millions of events, claim the lock and failed with a long message. */
async function pretendLongValues(page: Page): Promise<void> {
  await page.evaluate(() => {
    const channel = new BroadcastChannel('lamplight-demo')
    for (let number = 1; number <= 12; number += 1) {
      const producer = String(number).padStart(26, '0')
      const status = {
        producer,
        queued: 12_345_678,
        sent: 12_345_678,
        adopted: 12_345_678,
        dropped: 0,
        lockPhase: 'requesting',
        lockTurns: [{ since: Date.now(), epoch: 1, holder: producer }],
        backoffMs: 299_000,
        lastFailure: { text: `lamplight: ${'unbreakable'.repeat(9)} and more words`, recoveredMs: 0 },
      }
      const count = { made: 12_345_678, returned: 12_345_678 }
      channel.postMessage({ kind: 'status', tab: `pretended-${number}`, ...count, status })
    }
    channel.close()
  })
}

/** Nothing is wider than the window or its card, and no cell of a table is cut. */
async function expectToFit(page: Page, name: string, prepare: () => Promise<void>): Promise<void> {
  for (const [at, width] of WIDTHS.entries()) {
    await page.setViewportSize({ width, height: 900 })
    // The schemes differ in colours, so the short form tries one of them at every other width.
    for (const colorScheme of form([SCHEMES[at % 2]!], [...SCHEMES])) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await prepare()
      // The dashboard shows what it was told with its next poll.
      await page.waitForTimeout(700)
      expect(await tooWide(page), `${name} at ${width} px, ${colorScheme}`).toEqual([])
    }
    const path = new URL(`../results/${name}-${width}.png`, import.meta.url).pathname
    await page.screenshot({ path, fullPage: true })
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null })
}

/** What is wider than it may be. */
function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = []
    const root = document.documentElement
    if (root.scrollWidth > root.clientWidth) found.push(`the page: ${root.scrollWidth} of ${root.clientWidth}`)
    const labelOf = (element: Element): string =>
      `${element.tagName} ${element.id || element.className} ${element.textContent?.trim().slice(0, 30)}`
    for (const element of document.querySelectorAll<HTMLElement>('main *, header *, dialog[open] *')) {
      if (element.closest('.unseen, .chart, .skip') || element.closest('thead')?.clientWidth === 1) continue
      const box = element.getBoundingClientRect()
      if (box.width === 0) continue
      const card = (element.closest('dialog, .card') ?? root).getBoundingClientRect()
      if (box.right > card.right + 1 || box.left < card.left - 1) found.push(`outside: ${labelOf(element)}`)
      const mayScroll = element.closest('pre, input') !== null
      if (!mayScroll && element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1)
        found.push(`cut: ${labelOf(element)} ${element.scrollWidth} of ${element.clientWidth}`)
    }
    return found
  })
}
