// What a client holds, and that it releases all of it: listeners, timers, the Web Lock, memory.
import { chromium, type Page } from '@playwright/test'
import type { Failure, Lamplight, Tracked } from 'lamplight'
import { Client } from '../harness/client.ts'
import { launchOptions } from '../harness/engines/chromium.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { WRITE_KEY } from '../harness/server.ts'
import { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

declare global {
  interface Window {
    /** How many listeners of pages events there are, and of timers that have not fired. */
    held: { listeners: number; timers: Set<number> }
    /** The memories of all instances of WebAssembly modules. */
    memories: WebAssembly.Memory[]
    /** Makes `performance.now` throw, on which clients rely and this test does not. */
    breakClock: (isBroken: boolean) => void
    errors: Failure[]
    other: Lamplight
  }
}

/** Counts what the SDK holds in a page, from before its scripts run. */
async function countHeld(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const held = { listeners: 0, timers: new Set<number>() }
    window.held = held
    for (const target of [window, document]) {
      const { addEventListener, removeEventListener } = target
      const isCounted = (name: string) => /^(page|online|visibility|freeze|resume)/.test(name)
      target.addEventListener = function (this: EventTarget, ...args: Parameters<typeof addEventListener>) {
        if (isCounted(args[0])) held.listeners += 1
        addEventListener.apply(this as Window & Document, args)
      } as typeof addEventListener
      target.removeEventListener = function (this: EventTarget, ...args: Parameters<typeof removeEventListener>) {
        if (isCounted(args[0])) held.listeners -= 1
        removeEventListener.apply(this as Window & Document, args)
      } as typeof removeEventListener
    }
    const { setTimeout, clearTimeout } = window
    window.setTimeout = ((work: () => void, waitMs: number) => {
      const timer = setTimeout(() => {
        held.timers.delete(timer)
        work()
      }, waitMs)
      held.timers.add(timer)
      return timer
    }) as typeof window.setTimeout
    window.clearTimeout = (timer) => {
      held.timers.delete(timer as number)
      clearTimeout(timer)
    }
    window.memories = []
    const { Instance } = WebAssembly
    WebAssembly.Instance = class extends Instance {
      constructor(...args: ConstructorParameters<typeof Instance>) {
        super(...args)
        for (const value of Object.values(this.exports))
          if (value instanceof WebAssembly.Memory) window.memories.push(value)
      }
    }
    const clock = performance.now
    window.breakClock = (isBroken) => {
      performance.now = isBroken
        ? () => {
            throw new Error('the clock is broken')
          }
        : clock
    }
  })
}

/** The names of the Web Locks that any page of the site holds or waits for. */
function locks(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { held, pending } = await navigator.locks.query()
    return [...(held ?? []), ...(pending ?? [])].map(({ name }) => name ?? '')
  })
}

function held(page: Page): Promise<{ listeners: number; timers: number }> {
  return page.evaluate(() => ({ listeners: window.held.listeners, timers: window.held.timers.size }))
}

function fullClientIn(page: Page): Promise<unknown> {
  return page.waitForResponse((response) => response.url().endsWith('/full.js'))
}

test('when the full client takes over, the first one holds nothing any more', async ({ page, server, site }) => {
  await countHeld(page)
  await page.goto(site.origin)
  const arrived = fullClientIn(page)
  const tab = await Client.in(page, server.url)
  const before = await tab.trackMany(5, 'before')
  await expect.poll(() => locks(page)).toHaveLength(1)
  const [lock] = await locks(page)
  const { listeners } = await held(page)
  expect(listeners).toBe(6)
  await arrived
  // Only a full client knows a phase after the first scan, and has one more timer at most.
  await expect.poll(async () => (await tab.stats()).queued).toBe(0)
  await page.waitForTimeout(1_000)
  expect((await held(page)).listeners, 'those of one client').toBe(listeners)
  expect((await held(page)).timers, 'one client has one timer').toBeLessThanOrEqual(1)
  expect(await locks(page), 'the lock passed over').toEqual([lock])
  const after = await tab.trackMany(5, 'after')
  await expectExactlyOnce(
    server,
    [...before, ...after].map(({ id }) => id),
  )
  await page.evaluate(() => window.lamplight.close())
  await expect.poll(() => locks(page)).toEqual([])
  expect(await held(page)).toEqual({ listeners: 0, timers: 0 })
})

test('after the full client took over, the page returns from the back/forward cache', async ({ server, site }) => {
  const browser = await chromium.launch({ ...launchOptions(), ignoreDefaultArgs: ['--disable-back-forward-cache'] })
  try {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(site.origin)
    const arrived = fullClientIn(page)
    const tab = await Client.in(page, server.url)
    const before = await tab.trackMany(10, 'before')
    await arrived
    await page.waitForTimeout(1_000)
    const watcher = await context.newPage()
    await watcher.goto(`${site.origin}/next`)
    expect(await locks(watcher)).toHaveLength(1)
    await page.evaluate(() => {
      window.addEventListener('pageshow', (event) => (window.name = `persisted: ${event.persisted}`))
    })
    await page.goto(`${site.origin}/next`)
    await expect.poll(() => locks(watcher), 'a page in the cache holds no lock').toEqual([])
    await page.evaluate(() => void setTimeout(() => history.back()))
    await expect.poll(() => page.evaluate(() => window.name).catch(() => 'navigating')).toBe('persisted: true')
    await expect.poll(() => locks(watcher)).toHaveLength(1)
    const after = await tab.trackMany(10, 'after')
    expect(after[0]?.seq).toBe(11)
    await expectExactlyOnce(
      server,
      [...before, ...after].map(({ id }) => id),
    )
  } finally {
    await browser.close()
  }
})

test('thousands of clients that are opened and closed leave memory flat', async ({ page, server, site }) => {
  test.slow()
  await countHeld(page)
  await page.goto(site.origin)
  const devtools = await page.context().newCDPSession(page)
  const heapBytes = async () => {
    await devtools.send('HeapProfiler.collectGarbage')
    return (await devtools.send('Runtime.getHeapUsage')).usedSize
  }
  const rounds = (count: number) =>
    page.evaluate(
      async (order) => {
        const { init } = (await import(order.entry)) as typeof import('lamplight')
        for (let round = 0; round < order.count; round += 1) {
          const client = init({ ...order.options, namespace: `n${round % 10}` })
          if (round % 10 === 0) {
            client.track('round', { round })
            await client.flush()
          }
          client.close()
        }
        return window.memories.map(({ buffer }) => buffer.byteLength)
      },
      { count, entry: Site.entry(), options: { url: server.url, key: WRITE_KEY } },
    )
  const memoryBefore = await rounds(1_000)
  const heapBefore = await heapBytes()
  const memoryAfter = await rounds(3_000)
  const heapAfter = await heapBytes()
  expect(memoryAfter, 'memory of the modules').toEqual(memoryBefore)
  expect(heapAfter - heapBefore, 'bytes of JavaScript objects').toBeLessThan(1_000_000)
  await expect.poll(() => held(page)).toEqual({ listeners: 0, timers: 0 })
  expect(await locks(page)).toEqual([])
  await expect.poll(async () => (await server.api.totals()).stored).toBe(400)
})

test('after close, forget still deletes the user, and leaves nothing running', async ({ page, server, site }) => {
  await countHeld(page)
  await page.goto(site.origin)
  const tab = await Client.in(page, server.url)
  await page.evaluate(() => window.lamplight.identify('ada'))
  await expect.poll(() => tab.waiting()).toBe(0)
  const stored = () => page.evaluate(() => JSON.stringify({ ...localStorage }))
  expect(await stored()).toContain('ada')
  await page.evaluate(() => window.lamplight.close())
  await expect.poll(() => held(page)).toEqual({ listeners: 0, timers: 0 })
  await page.evaluate(() => window.lamplight.forget())
  expect(await stored()).not.toContain('ada')
  await expect.poll(() => held(page)).toEqual({ listeners: 0, timers: 0 })
})

for (const where of ['in a call of the page', 'in its timer'])
  test(`a client that fails ${where} ends and says so, and another goes on`, async ({ page, server, site }) => {
    const pageErrors: string[] = []
    page.on('pageerror', (error) => pageErrors.push(error.message))
    await countHeld(page)
    await page.goto(site.origin)
    const tab = await Client.in(page, server.url)
    const made = await page.evaluate(
      async (order) => {
        const { init } = (await import(order.entry)) as typeof import('lamplight')
        window.errors = []
        window.lamplight.on('error', (error) => window.errors.push(error))
        const stored = window.lamplight.track('stored before it failed')
        window.breakClock(true)
        let failed: Tracked | undefined
        if (order.isInCall) failed = window.lamplight.track('failed')
        while (!window.errors.length)
          await new Promise((resolve) => queueMicrotask(() => requestAnimationFrame(resolve)))
        window.breakClock(false)
        window.other = init(order.options)
        return { stored, failed, later: window.lamplight.track('too late'), other: window.other.track('other') }
      },
      { entry: Site.entry(), isInCall: where.includes('call'), options: { url: server.url, key: WRITE_KEY } },
    )
    expect(made.later).toEqual({ id: '', seq: 0, stored: false, reason: 'unavailable' })
    if (made.failed) expect(made.failed.stored).toBe(false)
    expect(await page.evaluate(() => window.errors)).toEqual([{ message: 'the clock is broken' }])
    expect((await tab.stats()).lastError).toBe('the clock is broken')
    expect(pageErrors, 'nothing reaches the page').toEqual([])
    // The other client adopts what the failed one had stored, because its Web Lock is released.
    await expectExactlyOnce(server, [made.stored.id, made.other.id])
    await expect.poll(() => locks(page)).toHaveLength(1)
    expect((await held(page)).listeners).toBe(6)
  })
