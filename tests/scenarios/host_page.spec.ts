// What host pages do to the browser's functions and storage, which clients rely on.
import { createRequire } from 'node:module'
import type { Page } from '@playwright/test'
import { Client } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { OVERLOADED } from '../harness/fault_proxy.ts'
import { WRITE_KEY } from '../harness/server.ts'
import { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

/** What reaches the page's own error handling. */
function errorsOf(page: Page): string[] {
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  return errors
}

test('after the host has cleared all timers, flush still sends everything', async ({ page, server, site }) => {
  await page.goto(site.origin)
  const tab = await Client.in(page, server.url, { intervalMs: 60_000 })
  await tab.trackMany(1, 'first')
  await expect.poll(async () => (await server.api.events()).length).toBe(1)
  await tab.trackMany(250, 'later')
  const report = await page.evaluate(async () => {
    for (let id = 0; id < 9_999; id += 1) clearTimeout(id)
    return window.lamplight.flush()
  })
  // A full batch may have been sent before.
  expect(report.queued).toBe(0)
  await expect.poll(async () => (await server.api.events()).length).toBe(251)
})

test('after the host has cleared all timers, a later event sends all of them', async ({ page, server, site }) => {
  await page.goto(site.origin)
  const tab = await Client.in(page, server.url)
  await tab.trackMany(1, 'first')
  await expect.poll(async () => (await server.api.events()).length).toBe(1)
  const made = await tab.trackMany(3, 'cleared')
  await page.evaluate(() => {
    for (let id = 0; id < 9_999; id += 1) clearTimeout(id)
  })
  await page.waitForTimeout(2_000)
  expect((await server.api.events()).length, 'nothing can wake the client').toBe(1)
  made.push(...(await tab.trackMany(1, 'later')))
  await expect.poll(async () => (await server.api.events()).length).toBe(5)
})

test('events and a denial survive that the host clears localStorage', async ({ context, faultProxy, server, site }) => {
  faultProxy.behaviour = OVERLOADED
  const tab = await Client.openPage(context, site, faultProxy.url)
  const made = await tab.trackMany(5, 'before_logout')
  // The full client has loaded, and has nothing left to move.
  await tab.page.waitForTimeout(2_000)
  const left = await tab.page.evaluate(() => {
    localStorage.clear()
    window.dispatchEvent(new PageTransitionEvent('pagehide'))
    return Object.keys(localStorage).filter((key) => key.includes(':q:')).length
  })
  expect(left).toBe(5)
  await tab.page.goto('about:blank')
  faultProxy.behaviour = 'forward'
  const next = await Client.openPage(context, site, faultProxy.url)
  await expectExactlyOnce(
    server,
    made.map(({ id }) => id),
    60_000,
  )

  await next.page.evaluate(() => window.lamplight.setConsent('denied'))
  const isCopied = () =>
    next.page.evaluate(async () => (await indexedDB.databases()).some(({ name }) => name?.endsWith(':o')))
  await expect.poll(isCopied).toBe(true)
  await next.page.evaluate(() => localStorage.clear())
  await next.page.reload()
  await next.init(faultProxy.url)
  await expect
    .poll(() => next.page.evaluate(() => window.lamplight.track('denied').reason), 'once the full client has loaded')
    .toBe('consent_denied')
  expect(await next.page.evaluate(() => Object.entries(localStorage).find(([key]) => key.endsWith(':o'))?.[1])).toBe(
    '1',
  )

  // Consent that is given again holds, and so it does after storage was cleared again.
  await next.page.evaluate(() => window.lamplight.setConsent('granted'))
  await expect.poll(isCopied).toBe(false)
  for (const clear of [false, true]) {
    if (clear) await next.page.evaluate(() => localStorage.clear())
    await next.page.reload()
    await next.init(faultProxy.url)
    await next.page.waitForTimeout(4_500)
    expect(await next.page.evaluate(() => window.lamplight.track('granted').reason)).toBeUndefined()
  }
})

test('consent given again right after a denial holds on the next page', async ({ context, server, site }) => {
  const tab = await Client.openPage(context, site, server.url)
  await tab.page.evaluate(() => window.lamplight.setConsent('denied'))
  await tab.page.waitForTimeout(1_000)
  await tab.page.reload()
  await tab.init(server.url)
  // The page is gone before its full client has loaded.
  await tab.page.evaluate(() => window.lamplight.setConsent('granted'))
  await tab.page.reload()
  await tab.init(server.url)
  await tab.page.waitForTimeout(4_500)
  expect(await tab.page.evaluate(() => window.lamplight.track('granted').stored)).toBe(true)
})

test('no promise of the client is left rejected in a sandboxed frame', async ({ page, server, site }) => {
  const errors = errorsOf(page)
  await page.goto(site.add('/host', '<!doctype html><title>A page</title>'))
  await page.evaluate(
    async (order) => {
      const frame = document.createElement('iframe')
      frame.sandbox.add('allow-scripts')
      frame.srcdoc = `<script type="module">
        addEventListener('unhandledrejection', ({ reason }) => parent.postMessage('rejection: ' + reason, '*'))
        addEventListener('error', ({ message }) => parent.postMessage('error: ' + message, '*'))
        const { init } = await import('${order.origin}${order.entry}')
        const lamplight = init({ url: '${order.url}', key: '${order.key}' })
        lamplight.on('error', ({ message }) => parent.postMessage('note: ' + message, '*'))
        lamplight.track('in_frame')
        lamplight.flush()
      </script>`
      const messages: unknown[] = []
      Object.assign(window, { messages })
      addEventListener('message', ({ data }) => messages.push(data))
      document.body.append(frame)
    },
    { origin: site.origin, entry: Site.entry(), url: server.url, key: WRITE_KEY },
  )
  await expect.poll(async () => (await server.api.events()).length).toBe(1)
  // The full client takes over, looks for locks, and lists the overflow.
  await page.waitForTimeout(9_000)
  expect(await page.evaluate(() => (window as unknown as { messages: unknown[] }).messages)).toEqual([])
  expect(errors).toEqual([])
})

/** Each runs in the page before the client, and takes away or breaks something. */
const BROKEN: Record<string, () => void> = {
  'a navigator.locks that throws': () =>
    Object.defineProperty(Navigator.prototype, 'locks', {
      get() {
        throw new Error('locks are broken')
      },
    }),
  'Web Locks whose methods throw': () => {
    LockManager.prototype.request = LockManager.prototype.query = () => {
      throw new Error('locks are broken')
    }
  },
  'no navigator': () => Object.defineProperty(window, 'navigator', { value: undefined }),
  'no AbortController': () => Object.assign(window, { AbortController: undefined, AbortSignal: undefined }),
  'an AbortController of a polyfill': () => {
    class Signal extends EventTarget {
      aborted = false
    }
    class Controller {
      signal = new Signal()
      abort() {
        this.signal.aborted = true
      }
    }
    Object.assign(window, { AbortController: Controller, AbortSignal: Signal })
  },
  'no Request': () => Object.assign(window, { Request: undefined }),
  'no crypto': () => Object.defineProperty(window, 'crypto', { value: undefined }),
  'a crypto that throws': () =>
    Object.defineProperty(window, 'crypto', {
      get() {
        throw new Error('no crypto')
      },
    }),
  'a crypto that returns zeros': () => {
    Crypto.prototype.getRandomValues = (array) => array
  },
  'no performance': () => Object.defineProperty(window, 'performance', { value: undefined }),
  'no queueMicrotask': () => Object.assign(window, { queueMicrotask: undefined }),
  'no structuredClone': () => Object.assign(window, { structuredClone: undefined }),
  'an indexedDB that throws': () =>
    Object.defineProperty(window, 'indexedDB', {
      get() {
        throw new Error('no database')
      },
    }),
}

for (const [what, breakPage] of Object.entries(BROKEN))
  test(`a page with ${what} delivers its events, and blames nothing`, async ({ page, server, site }) => {
    const errors = errorsOf(page)
    await page.addInitScript(breakPage)
    await page.goto(site.origin)
    const tab = await Client.in(page, server.url)
    await page.evaluate(() => {
      Object.assign(window, { notes: [] })
      window.lamplight.on('error', ({ message }) => (window as unknown as { notes: string[] }).notes.push(message))
      window.lamplight.timer('load')()
    })
    const made = await tab.trackMany(3, 'before')
    // The full client has taken over.
    await page.waitForTimeout(4_500)
    made.push(...(await tab.trackMany(3, 'after')))
    await expect.poll(async () => (await server.api.events()).length).toBe(7)
    expect(new Set(made.map(({ id }) => id.split('-')[0])).size, 'one producer').toBe(1)
    expect(made[0]?.id, 'a random name').not.toMatch(/^0+-/)
    expect(await page.evaluate(() => (window as unknown as { notes: string[] }).notes)).toEqual([])
    expect(errors).toEqual([])
  })

test('an application in a zone becomes stable while a client has work', async ({ faultProxy, page, site }) => {
  await page.addInitScript({ path: createRequire(import.meta.url).resolve('zone.js') })
  await page.goto(site.origin)
  faultProxy.behaviour = 'hang'
  const busyMs = await page.evaluate(
    async (order) => {
      const { init } = (await import(order.entry)) as typeof import('lamplight')
      interface ZoneType {
        fork(spec: object): ZoneType
        run<R>(work: () => R): R
      }
      const { Zone } = window as unknown as { Zone: { current: ZoneType } }
      let pending = 0
      let lastChangeMs = performance.now()
      const application = Zone.current.fork({
        name: 'application',
        onHasTask(_: unknown, current: unknown, target: unknown, state: { macroTask: boolean; change: string }) {
          if (current !== target || state.change !== 'macroTask') return
          pending = state.macroTask ? 1 : 0
          lastChangeMs = performance.now()
        },
      })
      application.run(() => {
        const lamplight = init(order.options)
        window.lamplight = lamplight
        lamplight.track('in the zone')
        lamplight.flush().then(() => lamplight.track('then'))
      })
      for (let turn = 0; turn < 60; turn += 1) {
        application.run(() => window.lamplight.track('again'))
        await new Promise((resolve) => requestAnimationFrame(resolve))
        if (pending) return performance.now() - lastChangeMs + 1
      }
      return 0
    },
    { entry: Site.entry(), options: { url: faultProxy.url, key: WRITE_KEY } },
  )
  expect(busyMs, 'no timer or request of the client is in the zone').toBe(0)
})
