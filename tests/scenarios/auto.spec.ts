import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AutoOptions } from 'lamplight/auto'
import type { EventRow } from '../harness/api.ts'
import type { Client } from '../harness/client.ts'
import type { Server } from '../harness/server.ts'
import { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

declare global {
  interface Window {
    stopAuto: () => void
  }
}

async function watch(tab: Client, options: AutoOptions): Promise<void> {
  await tab.page.evaluate(
    async ({ entry, options }) => {
      const { auto } = (await import(entry)) as typeof import('lamplight/auto')
      window.stopAuto = auto(window.lamplight, options)
    },
    { entry: Site.entry('./auto'), options },
  )
}

/** The rows with this name in the order in which they were made. */
async function rows(server: Server, name: string, count: number): Promise<EventRow[]> {
  await expect.poll(async () => (await server.api.events({ name })).length).toBeGreaterThanOrEqual(count)
  const found = await server.api.events({ name })
  expect(found.length).toBe(count)
  return found.sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0))
}

/** Replaces the content of the page. */
function show(tab: Client, html: string): Promise<void> {
  return tab.page.evaluate((html) => {
    document.body.innerHTML = html
  }, html)
}

for (const [how, hasNavigation] of [
  ['the Navigation API', true],
  ['the History API', false],
] as const) {
  test(`each change of the address is one page view with ${how}, an anchor is none`, async ({
    context,
    openTab,
    server,
  }) => {
    if (!hasNavigation)
      await context.addInitScript(() => Object.defineProperty(window, 'navigation', { value: undefined }))
    const tab = await openTab()
    const push = await tab.page.evaluateHandle(() => history.pushState)
    await watch(tab, { clicks: false, errors: false })
    await tab.page.evaluate(async () => {
      const settle = () => new Promise((resolve) => setTimeout(resolve, 100))
      history.pushState({}, '', '/cart')
      history.pushState({ again: true }, '', '/cart')
      history.replaceState({}, '', '/cart?step=2')
      history.replaceState({ scroll: 100 }, '')
      await settle()
      location.hash = 'terms'
      await settle()
      location.hash = '#/route'
      await settle()
      history.go(-2)
      await settle()
    })
    await expect.poll(() => tab.page.evaluate(() => location.search + location.hash)).toBe('?step=2')
    const views = await rows(server, 'page', 5)
    const seen = views.map(({ properties }) => new URL(String(properties['url'])))
    expect(seen.map(({ pathname, search, hash }) => pathname + search + hash)).toEqual([
      '/',
      '/cart',
      '/cart?step=2',
      '/cart?step=2#/route',
      '/cart?step=2',
    ])
    expect(new URL(String(views[1]?.properties['referrer'])).pathname).toBe('/')

    await tab.page.evaluate(() => {
      window.stopAuto()
      history.pushState({}, '', '/unseen')
    })
    expect(await tab.page.evaluate((push) => history.pushState === push, push)).toBe(true)
    await tab.track('last')
    await rows(server, 'last', 1)
    await rows(server, 'page', 5)
  })
}

test('watching twice, as in React strict mode, counts no page view twice', async ({ openTab, server }) => {
  const tab = await openTab()
  await watch(tab, {})
  await tab.page.evaluate(() => window.stopAuto())
  await watch(tab, {})
  await tab.page.evaluate(() => history.pushState({}, '', '/next'))
  await tab.track('last')
  await rows(server, 'last', 1)
  const views = await rows(server, 'page', 2)
  expect(views.map(({ properties }) => properties['path'])).toEqual(['/', '/next'])
})

test('only clicks on marked elements are tracked, with their properties', async ({ openTab, server }) => {
  const tab = await openTab()
  await show(
    tab,
    `
    <button id="buy" data-track="bought" data-track-item-id="7" data-track-plan="pro" data-secret="no"><b>Buy</b></button>
    <a id="plain" href="#x">A link</a>
    <div data-track="outer"><button id="inner">Inside</button><p data-track-ignore><button id="ignored" data-track="never">No</button></p></div>`,
  )
  await watch(tab, { pages: false, errors: false })
  for (const target of ['#buy b', '#plain', '#inner', '#ignored']) await tab.page.click(target)
  // A listener that stops the event does not stop tracking.
  await tab.page.evaluate(() =>
    document.querySelector('#buy')?.addEventListener('click', (event) => event.stopImmediatePropagation()),
  )
  await tab.page.click('#buy')
  await tab.page.evaluate(() => window.stopAuto())
  await tab.page.click('#buy')
  await tab.track('last')
  await rows(server, 'last', 1)
  const all = (await server.api.events()).sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0))
  expect(all.map(({ name }) => name)).toEqual(['bought', 'outer', 'bought', 'last'])
  expect(all[0]?.properties).toEqual({ item_id: '7', plan: 'pro' })
})

test('errors and rejections are tracked with a rate limit, cut, and without recursion', async ({
  openBehindProxy,
  server,
}) => {
  const tab = await openBehindProxy()
  await tab.page.evaluate(() => {
    // Without protection, a failing hook would track its own failure endlessly.
    window.lamplight.use({
      name: 'loud',
      beforeEnqueue: (event) => {
        window.dispatchEvent(new ErrorEvent('error', { error: new Error('of a hook') }))
        return event
      },
    })
  })
  await watch(tab, { pages: false, clicks: false, errors: { perMinute: 3 } })
  await tab.page.evaluate(async () => {
    const later = (act: () => void) =>
      new Promise<void>((resolve) =>
        setTimeout(() => {
          resolve()
          act()
        }, 0),
      )
    await later(() => {
      throw new Error('x'.repeat(2_000))
    })
    await later(() => void Promise.reject(new TypeError('no such thing')))
    await later(() =>
      window.dispatchEvent(
        new ErrorEvent('error', { message: 'ResizeObserver loop completed with undelivered notifications.' }),
      ),
    )
    for (let turn = 0; turn < 20; turn += 1)
      await later(() => {
        throw new Error(`again ${turn}`)
      })
    await later(() => {})
    const now = performance.now.bind(performance)
    performance.now = () => now() + 61_000
    await later(() => {
      throw new Error('a minute later')
    })
    await later(() => {})
  })
  const [first, second, third, last] = (await rows(server, 'error', 4)).map(({ properties }) => properties)
  expect(String(first?.['message'])).toHaveLength(501)
  expect(first).toMatchObject({ kind: 'error' })
  expect(String(first?.['stack']).length).toBeLessThanOrEqual(4_001)
  expect(second).toMatchObject({ message: 'no such thing', kind: 'unhandledrejection' })
  expect(third).toMatchObject({ message: 'again 0' })
  expect(last).toMatchObject({ message: 'a minute later', left_out: 19 })
})

test('web vitals are tracked as metrics with the library that the page provides', async ({ openTab, server }) => {
  const tab = await openTab()
  const library = createRequire(import.meta.url).resolve('web-vitals')
  const body = readFileSync(library.replace(/[^/]*$/, 'web-vitals.js'), 'utf8')
  await tab.page.route('**/web-vitals.js', (route) => route.fulfill({ contentType: 'text/javascript', body }))
  await tab.page.evaluate(
    async ({ entry, library }) => {
      const { auto } = (await import(entry)) as typeof import('lamplight/auto')
      auto(window.lamplight, { pages: false, vitals: () => import(library) })
    },
    { entry: Site.entry('./auto'), library: '/web-vitals.js' },
  )
  const [ttfb] = await rows(server, 'web_vitals.ttfb', 1)
  expect(ttfb?.monitor).toMatchObject({ kind: 'timer', unit: 'ms', tags: { rating: expect.any(String) } })
})
