import type { BrowserContext, Page } from '@playwright/test'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

const DAY_MS = 86_400_000

/** Gives the context's pages a wall clock that a test can set; the monotonic one goes on as it does in a real jump. */
async function setClocks(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const RealDate = Date
    const skewed = (): number => RealDate.now() + Number(window.skewMs ?? 0)
    window.Date = new Proxy(RealDate, {
      get: (target, name) => (name === 'now' ? skewed : Reflect.get(target, name)),
      construct: (target, args: unknown[]) => Reflect.construct(target, args.length === 0 ? [skewed()] : args),
    })
  })
}

async function jump(page: Page, byMs: number): Promise<void> {
  const nowMs = await page.evaluate((ms) => {
    window.skewMs = ms
    return Date.now()
  }, byMs)
  expect(Math.abs(nowMs - Date.now() - byMs), 'the page has the new time').toBeLessThan(5_000)
}

declare global {
  interface Window {
    skewMs?: number
  }
}

for (const [where, byMs] of [
  ['a day forward', DAY_MS],
  ['a day back', -DAY_MS],
] as const) {
  test(`a clock that jumps ${where} in the middle of an outage neither holds up nor loses an event`, async ({
    context,
    front,
    openBehindFront,
    server,
  }) => {
    await setClocks(context)
    const tab = await openBehindFront()
    front.conduct = 'resets'
    const before = await tab.trackMany(50, 'before')
    await expect.poll(() => front.posts.length).toBeGreaterThanOrEqual(1)
    await jump(tab.page, byMs)
    const after = await tab.trackMany(50, 'after')
    const failed = front.posts.length
    await expect
      .poll(() => front.posts.length, { timeout: 15_000, message: 'tries after the jump' })
      .toBeGreaterThan(failed)
    front.conduct = 'passes'
    await expectExactlyOnce(
      server,
      [...before, ...after].map((one) => one.id),
      40_000,
    )
  })

  test(`a tab whose clock is ${where} of its heir's is adopted from in seconds when it is killed`, async ({
    context,
    front,
    openBehindFront,
    server,
  }) => {
    await setClocks(context)
    const survivor = await openBehindFront()
    const victim = await openBehindFront()
    const [, pid] = await separateRenderers([survivor.page, victim.page])
    front.conduct = 'resets'
    await jump(victim.page, byMs)
    const made = await victim.trackMany(50, 'elsewhen')
    await killRenderer(victim.page, pid!)
    front.conduct = 'passes'
    await expectExactlyOnce(
      server,
      made.map((one) => one.id),
      25_000,
    )
    expect((await survivor.stats()).adopted).toBe(50)
  })
}
