import { expect, test } from '../../harness/any_engine.ts'
import { expectExactlyOnce } from '../../harness/exactly_once.ts'
import { WRITE_KEY } from '../../harness/server.ts'
import { Site } from '../../harness/site.ts'

test('a page that forbids WebAssembly delivers its events with the translated client', async ({ engine, server }) => {
  const tab = await engine.openTab('/without-wasm')
  const early = await tab.evaluate(
    async ({ entry, url, key }) => {
      let isForbidden = false
      try {
        // WebKit only refuses to instantiate modules.
        new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)))
      } catch {
        isForbidden = true
      }
      const { init } = (await import(entry)) as typeof import('lamplight')
      window.lamplight = init({ url, key })
      return { isForbidden, reason: window.lamplight.track('early').reason, flushed: await window.lamplight.flush() }
    },
    { entry: Site.entry(), url: server.url, key: WRITE_KEY },
  )
  expect(early).toEqual({ isForbidden: true, reason: 'loading', flushed: { sent: 1, queued: 0 } })
  const late = await tab.evaluate(
    (count) => Array.from({ length: count }, (_, at) => window.lamplight.track('late', { at, text: 'ü✓' })),
    100,
  )
  expect(late.map(({ seq, stored }) => [seq, stored])).toEqual(late.map((_, at) => [at + 2, true]))
  const [producer] = late[0]!.id.split('-')
  await expectExactlyOnce(
    server,
    Array.from({ length: 101 }, (_, at) => `${producer}-${at + 1}`),
  )
})

test('denied consent deletes unsent events in all tabs, and declares their numbers', async ({ openClient, server }) => {
  const [one, two] = [await openClient(), await openClient()]
  await server.kill()
  await one.trackMany(3, 'secret')
  await two.trackMany(4, 'secret')
  await one.tab.evaluate(() => window.lamplight.setConsent('denied'), null)
  await expect.poll(() => two.waiting()).toBe(0)
  expect(await one.tab.evaluate(() => window.lamplight.track('secret').reason, null)).toBe('consent_denied')
  await expect.poll(() => two.tab.evaluate(() => window.lamplight.track('secret').reason, null)).toBe('consent_denied')

  await server.restart()
  await expect.poll(async () => (await server.api.totals()).declared, { timeout: 30_000 }).toBe(7)
  expect(await server.api.totals()).toMatchObject({ stored: 0, lost: 0 })
})

test('page views, marked clicks, errors and rejections are tracked automatically', async ({ openClient, server }) => {
  const client = await openClient()
  const path = await client.tab.evaluate(
    async ({ entry }) => {
      const { auto } = (await import(entry)) as typeof import('lamplight/auto')
      const { pathname } = location
      const later = (act: () => void) =>
        new Promise((resolve) =>
          setTimeout(() => {
            setTimeout(resolve, 100)
            act()
          }),
        )
      document.body.innerHTML = '<button data-track="bought" data-track-plan="pro"><b>Buy</b></button>'
      auto(window.lamplight)
      await later(() => history.pushState({}, '', '/cart'))
      await later(() => history.back())
      await later(() => document.querySelector('b')!.click())
      await later(() => {
        throw new Error('thrown')
      })
      await later(() => void Promise.reject(new TypeError('rejected')))
      return pathname
    },
    { entry: Site.entry('./auto') },
  )
  await expect.poll(async () => (await server.api.totals()).stored).toBe(6)
  const rows = (await server.api.events()).sort((a, b) => Number(a.seq) - Number(b.seq))
  expect(
    rows.map(({ name, properties }) => [name, properties['path'] ?? properties['plan'] ?? properties['message']]),
  ).toEqual([
    ['page', path],
    ['page', '/cart'],
    ['page', path],
    ['bought', 'pro'],
    ['error', 'thrown'],
    ['error', 'rejected'],
  ])
})

test('a click on a label counts once, although the browser also clicks its control', async ({ openClient, server }) => {
  const client = await openClient()
  const isChecked = await client.tab.evaluate(
    async ({ entry }) => {
      const { auto } = (await import(entry)) as typeof import('lamplight/auto')
      document.body.innerHTML = `<label data-track="around">Text <input type="checkbox"></label>
        <div data-track="group"><label for="out">Text</label><input id="out" type="checkbox"></div>
        <label>Text <input type="checkbox" data-track="control"></label>`
      auto(window.lamplight, { pages: false })
      for (const label of document.querySelectorAll('label')) label.click()
      await new Promise((resolve) => setTimeout(resolve, 50))
      document.querySelector<HTMLElement>('#out')!.click()
      window.lamplight.track('last')
      return [...document.querySelectorAll('input')].map(({ checked }) => checked)
    },
    { entry: Site.entry('./auto') },
  )
  expect(isChecked).toEqual([true, false, true])
  await expect.poll(async () => (await server.api.events({ name: 'last' })).length).toBe(1)
  const rows = (await server.api.events()).sort((a, b) => Number(a.seq) - Number(b.seq))
  expect(rows.map(({ name }) => name)).toEqual(['around', 'group', 'control', 'group', 'last'])
})
