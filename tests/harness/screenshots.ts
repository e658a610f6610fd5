// Screenshots of a page in light and dark, narrow and wide, for review: results/*.png.

import { fileURLToPath } from 'node:url'
import type { Page } from '@playwright/test'

const RESULTS = fileURLToPath(new URL('../results', import.meta.url))
const WIDTHS = [1280, 1600]
const SCHEMES = ['light', 'dark'] as const

export async function takeScreenshots(page: Page, name: string): Promise<void> {
  const viewport = page.viewportSize()
  for (const colorScheme of SCHEMES) {
    for (const width of WIDTHS) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.setViewportSize({ width, height: 900 })
      await page.evaluate(() => scrollTo(0, 0))
      await page.screenshot({ path: `${RESULTS}/${name}-${colorScheme}-${width}.png`, fullPage: true })
    }
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null })
  if (viewport) await page.setViewportSize(viewport)
}
