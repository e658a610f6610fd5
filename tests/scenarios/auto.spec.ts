import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Client } from '../harness/client.ts'
import { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'
import { rows, watch } from '../harness/watched_tab.ts'

/** Replaces the content of the page. */
function show(tab: Client, html: string): Promise<void> {
  return tab.page.evaluate((html) => {
    document.body.innerHTML = html
  }, html)
}

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

test('one action of the user is one click, whatever labels do', async ({ openTab, server }) => {
  const tab = await openTab()
  await show(
    tab,
    `
    <label id="around" data-track="around">Text <input id="in" type="checkbox"></label>
    <div data-track="group"><label id="for" for="out">Text</label><input id="out" type="checkbox"></div>
    <label id="unmarked">Text <input type="radio" data-track="radio"></label>
    <label id="outer" data-track="outer">Text <input id="inner" type="checkbox" data-track="inner"></label>
    <label id="off" data-track="off">Text <input type="checkbox" disabled></label>
    <label id="stopped" data-track="stopped">Text <input id="kept" type="checkbox"></label>
    <p data-track-ignore><label id="ignored" for="seen">Text</label></p><input id="seen" type="checkbox" data-track="seen">
    <label id="linked" data-track="linked">Text <button id="button" data-track="button">B</button><input type="text"></label>`,
  )
  await tab.page.evaluate(() => {
    document.querySelector('#stopped')?.addEventListener('click', (event) => event.preventDefault())
  })
  await watch(tab, { pages: false, errors: false })
  const click = (selector: string) => tab.page.click(selector, { position: { x: 3, y: 5 }, force: true })
  for (const label of ['#around', '#for', '#unmarked', '#outer', '#off', '#stopped', '#ignored', '#linked'])
    await click(label)
  for (const control of ['#in', '#out', '#inner', '#kept', '#button']) await tab.page.click(control)
  await tab.page.focus('#in')
  await tab.page.keyboard.press('Space')
  await tab.page.focus('#button')
  await tab.page.keyboard.press('Enter')
  // A second click of the page's own code is another click, in the same task, too.
  await tab.page.evaluate(() => {
    document.querySelector<HTMLElement>('#around')?.click()
    document.querySelector<HTMLElement>('#in')?.click()
  })
  await tab.track('last')
  await rows(server, 'last', 1)
  const all = (await server.api.events()).sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0))
  expect(all.map(({ name }) => name)).toEqual([
    ...['around', 'group', 'radio', 'outer', 'off', 'stopped', 'seen', 'linked'],
    ...['around', 'group', 'inner', 'stopped', 'button'],
    ...['around', 'button', 'around', 'around'],
    'last',
  ])
})

test('a client that is watched twice counts each view, click and error once', async ({ openTab, server }) => {
  const tab = await openTab()
  await show(tab, '<label id="label" data-track="pressed">Text <input type="checkbox"></label>')
  for (let time = 0; time < 2; time += 1) await watch(tab, {})
  await tab.page.click('#label', { position: { x: 3, y: 5 } })
  await tab.page.evaluate(async () => {
    history.pushState({}, '', '/next')
    void Promise.reject(new Error('rejected'))
    window.dispatchEvent(new ErrorEvent('error', { error: new Error('thrown') }))
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    window.lamplight.track('last')
  })
  await rows(server, 'last', 1)
  const names = (await server.api.events()).map(({ name }) => name)
  expect(names.sort()).toEqual(['error', 'error', 'last', 'page', 'page', 'pressed'])
})

test('what is thrown keeps its content, without what addresses may contain', async ({ openTab, server }) => {
  const tab = await openTab()
  await watch(tab, { pages: false, clicks: false })
  await tab.page.evaluate(async () => {
    const rejections: unknown[] = [
      { code: 401, reason: 'expired' },
      await fetch('/lamplight/none?token=SECRET'),
      new DOMException('The user aborted a request.', 'AbortError'),
      new AggregateError([new Error('a'), new TypeError('b')], 'all failed'),
      new Error('outer', { cause: new Error('Failed to load /api?token=SECRET') }),
      undefined,
      null,
      new Proxy(
        {},
        {
          get: () => {
            // What reading causes is not tracked, or it would never end.
            window.dispatchEvent(new ErrorEvent('error', { error: new Error('while reading') }))
            throw new Error('hostile')
          },
        },
      ),
    ]
    for (const reason of rejections) void Promise.reject(reason)
    await new Promise((resolve) => setTimeout(resolve, 50))
    window.dispatchEvent(
      new ErrorEvent('error', {
        error: Object.assign(new Error('failed at https://shop.example/?token=SECRET#SECRET'), {
          stack: 'Error: failed\n    at f (https://shop.example/app.js?v=SECRET:10:5)',
        }),
        filename: 'https://shop.example/app.js?v=SECRET#SECRET',
        lineno: 10,
      }),
    )
  })
  const found = (await rows(server, 'error', 9)).map(({ properties }) => properties)
  expect(found.map(({ message, type }) => [message, type])).toEqual([
    ['{code: 401, reason: "expired"}', 'Object'],
    [expect.stringMatching(/^response 404 .*\/lamplight\/none$/), 'Response'],
    ['The user aborted a request.', 'AbortError'],
    ['all failed', 'AggregateError'],
    ['outer', 'Error'],
    ['undefined', 'undefined'],
    ['null', 'null'],
    ['[unreadable]', '[unreadable]'],
    ['failed at https://shop.example/', 'Error'],
  ])
  expect(found[3]?.['errors']).toEqual(['Error: a', 'TypeError: b'])
  expect(found[4]?.['causes']).toEqual(['Error: Failed to load /api'])
  expect(found[8]).toMatchObject({
    source: 'https://shop.example/app.js',
    stack: expect.stringContaining('app.js:10:5'),
  })
  expect(JSON.stringify(found)).not.toContain('SECRET')
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
