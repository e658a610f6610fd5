import type { Frame, Page } from '@playwright/test'
import { Client } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { WRITE_KEY } from '../harness/server.ts'
import { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

/** Starts a client in a page or frame, tracks, and returns the results. */
function trackIn(
  place: Page | Frame,
  origin: string,
  url: string,
): Promise<{ id: string; stored: boolean; reason?: string }[]> {
  return place.evaluate(
    async (order) => {
      const { init } = (await import(order.entry)) as typeof import('lamplight')
      window.lamplight = init({ url: order.url, key: order.key })
      return Array.from({ length: 50 }, (_, index) => window.lamplight.track('blocked', { index }))
    },
    { entry: origin + Site.entry(), url, key: WRITE_KEY },
  )
}

test('in a sandboxed frame without localStorage, events report it and still arrive', async ({ page, server, site }) => {
  const pageErrors: string[] = []
  page.on('pageerror', (error) => pageErrors.push(error.message))
  await page.goto(site.origin)
  await page.evaluate(() => {
    const frame = document.createElement('iframe')
    frame.setAttribute('sandbox', 'allow-scripts')
    frame.src = '/framed'
    document.body.append(frame)
  })
  await expect.poll(() => page.frames().some((frame) => frame.url().endsWith('/framed'))).toBe(true)
  const frame = page.frames().find((one) => one.url().endsWith('/framed'))!
  await frame.waitForLoadState()
  const isBlocked = await frame.evaluate(() => {
    try {
      return localStorage === undefined
    } catch {
      return true
    }
  })
  expect(isBlocked, 'the frame has no localStorage').toBe(true)
  const made = await trackIn(frame, site.origin, server.url)
  expect(new Set(made.map(({ stored, reason }) => `${stored} ${reason}`))).toEqual(new Set(['false storage_blocked']))
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  expect(pageErrors).toEqual([])
})

test('a page whose localStorage getter throws keeps working, and its events arrive', async ({ page, server, site }) => {
  const pageErrors: string[] = []
  page.on('pageerror', (error) => pageErrors.push(error.message))
  await page.addInitScript(() => {
    Object.defineProperty(window, 'localStorage', {
      get() {
        throw new DOMException('denied by policy', 'SecurityError')
      },
    })
  })
  await page.goto(site.origin)
  const made = await trackIn(page, site.origin, server.url)
  expect(new Set(made.map(({ stored, reason }) => `${stored} ${reason}`))).toEqual(new Set(['false storage_blocked']))
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  expect(pageErrors).toEqual([])
})

test('if storage starts to throw later, the page works and new events arrive', async ({ context, server, site }) => {
  const tab = await Client.openPage(context, site, server.url)
  const pageErrors: string[] = []
  tab.page.on('pageerror', (error) => pageErrors.push(error.message))
  const before = await tab.trackMany(20, 'before')
  await tab.page.evaluate(() => {
    for (const name of ['getItem', 'setItem', 'removeItem', 'key'] as const) {
      Storage.prototype[name] = () => {
        throw new DOMException('gone', 'InvalidStateError')
      }
    }
  })
  const after = await tab.trackMany(20, 'after')
  expect(after.every((one) => !one.stored)).toBe(true)
  await expectExactlyOnce(
    server,
    [...before, ...after].map((one) => one.id),
  )
  expect(pageErrors).toEqual([])
})
