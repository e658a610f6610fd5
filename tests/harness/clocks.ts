// The wall clocks of pages.
import { type BrowserContext, expect, type Page } from '@playwright/test'

declare global {
  interface Window {
    skewMs?: number
  }
}

/**
 * Lets a test set the wall clock of the context's pages. The monotonic clock is unchanged, as in a
 * real jump.
 */
export async function setClocks(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const RealDate = Date
    const skewed = (): number => RealDate.now() + Number(window.skewMs ?? 0)
    window.Date = new Proxy(RealDate, {
      get: (target, name) => (name === 'now' ? skewed : Reflect.get(target, name)),
      construct: (target, args: unknown[]) => Reflect.construct(target, args.length === 0 ? [skewed()] : args),
    })
  })
}

export async function jump(page: Page, byMs: number): Promise<void> {
  const nowMs = await page.evaluate((ms) => {
    window.skewMs = ms
    return Date.now()
  }, byMs)
  expect(Math.abs(nowMs - Date.now() - byMs), 'the page has the new time').toBeLessThan(5_000)
}
