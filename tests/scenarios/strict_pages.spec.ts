import type { Page, Request } from '@playwright/test'
import type { Options, Report } from 'lamplight'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { killRenderer, rendererPid } from '../harness/renderer.ts'
import { WRITE_KEY } from '../harness/server.ts'
import { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

const TRANSLATED = /\/translated\.js$/

declare global {
  interface Window {
    /** The result of the flush in the task of the first events. */
    flushed: Promise<Report>
  }
}

/** Starts a client in a page that forbids WebAssembly, tracks, flushes, and returns the results. */
function trackEarly(page: Page, url: string, names: string[], options: Partial<Options> = {}): Promise<unknown[]> {
  return page.evaluate(
    async (order) => {
      const { init } = (await import(order.entry)) as typeof import('lamplight')
      window.lamplight = init(order.options)
      const tracked = order.names.map((name) => window.lamplight.track(name, { early: true }))
      window.flushed = window.lamplight.flush()
      return tracked
    },
    { entry: Site.entry(), names, options: { url, key: WRITE_KEY, ...options } },
  )
}

/** Waits until the client has started, and returns its producer. */
async function started(page: Page): Promise<string> {
  await page.waitForFunction(() => window.lamplight.stats().producer !== '')
  return page.evaluate(() => window.lamplight.stats().producer)
}

test('a page that forbids WebAssembly delivers its events once and in order', async ({ page, server, site }) => {
  const pageErrors: string[] = []
  page.on('pageerror', (error) => pageErrors.push(error.message))
  await page.goto(`${site.origin}/without-wasm`)
  expect(
    await page.evaluate(() => {
      try {
        return !!new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))
      } catch {
        return false
      }
    }),
    'the policy is effective',
  ).toBe(false)

  const waits = { id: '', seq: 0, stored: false, reason: 'loading' }
  expect(await trackEarly(page, server.url, ['one', 'two', 'three'])).toEqual([waits, waits, waits])
  const flushed = await page.evaluate(() => window.flushed)
  expect(flushed).toEqual({ sent: 3, queued: 0 })

  const late = await page.evaluate(() =>
    Array.from({ length: 200 }, (_, at) => window.lamplight.track('late', { at, text: 'ü✓'.repeat(200) })),
  )
  expect(late.map(({ stored }) => stored)).toEqual(late.map(() => true))
  await page.evaluate(() => window.lamplight.flush())
  const producer = await started(page)
  await expectExactlyOnce(
    server,
    Array.from({ length: 203 }, (_, at) => `${producer}-${at + 1}`),
  )
  const rows = await server.api.events()
  const named = rows.filter(({ name }) => name !== 'late').sort((a, b) => Number(a.seq) - Number(b.seq))
  expect(named.map(({ name }) => name)).toEqual(['one', 'two', 'three'])
  expect(pageErrors).toEqual([])
})

test('events survive that the memory of the translated client grows', async ({ faultProxy, page, server, site }) => {
  await page.goto(`${site.origin}/without-wasm`)
  faultProxy.behaviour = 'reset'
  await trackEarly(page, faultProxy.url, ['one'])
  const producer = await started(page)
  // Two megabytes, of which half are in memory only: more than the module starts with.
  await page.evaluate(() => {
    for (let at = 0; at < 2_000; at += 1) window.lamplight.track('many', { at, text: 'x'.repeat(1_000) })
  })
  const { queued } = await page.evaluate(() => window.lamplight.stats())
  expect(queued).toBe(2_001)
  faultProxy.behaviour = 'forward'
  await expectExactlyOnce(
    server,
    Array.from({ length: 2_001 }, (_, at) => `${producer}-${at + 1}`),
  )
})

test('the slim entry uses the translated client in a page that forbids WebAssembly', async ({ page, server, site }) => {
  const fetched: string[] = []
  page.on('request', (request: Request) => fetched.push(new URL(request.url()).pathname))
  await page.goto(`${site.origin}/without-wasm`)
  const reason = await page.evaluate(
    async ({ entry, url, key }) => {
      const { load } = (await import(entry)) as typeof import('lamplight/slim')
      const init = await load()
      window.lamplight = init({ url, key })
      const { reason } = window.lamplight.track('early')
      window.flushed = window.lamplight.flush()
      return reason
    },
    { entry: Site.entry('./slim'), url: server.url, key: WRITE_KEY },
  )
  expect(reason).toBe('loading')
  expect(await page.evaluate(() => window.flushed)).toEqual({ sent: 1, queued: 0 })
  const producer = await started(page)
  expect((await page.evaluate(() => window.lamplight.track('late'))).stored).toBe(true)
  await expectExactlyOnce(server, [`${producer}-1`, `${producer}-2`])
  expect(fetched.filter((path) => TRANSLATED.test(path))).toHaveLength(1)
})

test('a worker whose policy forbids WebAssembly delivers its events', async ({ page, server, site }) => {
  const messages: string[] = []
  page.on('console', (message) => messages.push(message.text()))
  await page.goto(`${site.origin}/without-wasm`)
  const order = { options: { url: server.url, key: WRITE_KEY }, count: 3, name: 'worked' }
  const made = await page.evaluate((order) => {
    const worker = new Worker('/worker-without-wasm.js', { type: 'module' })
    return new Promise<{ reason?: string }[]>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data as { reason?: string }[])
      worker.onerror = ({ message }) => reject(new Error(message))
      worker.postMessage(order)
    })
  }, order)
  expect(
    made.map(({ reason }) => reason),
    messages.join(),
  ).toEqual(['loading', 'loading', 'loading'])
  await expect
    .poll(async () => (await server.api.events()).map(({ name, properties }) => [name, properties['at']]))
    .toEqual([
      ['worked', 2],
      ['worked', 1],
      ['worked', 0],
    ])
})

test('events stored by the translated client survive a kill of its tab', async ({ context, server, site }) => {
  const page = await context.newPage()
  await page.goto(`${site.origin}/without-wasm`)
  await server.kill()
  await trackEarly(page, server.url, ['early'])
  const producer = await started(page)
  const made = await page.evaluate(() => Array.from({ length: 50 }, () => window.lamplight.track('last')))
  expect(made.every(({ stored }) => stored)).toBe(true)
  await killRenderer(page, await rendererPid(page))

  await server.restart()
  const adopter = await context.newPage()
  await adopter.goto(`${site.origin}/without-wasm`)
  await trackEarly(adopter, server.url, [])
  await expectExactlyOnce(server, [`${producer}-1`, ...made.map(({ id }) => id)])
  expect(await adopter.evaluate(() => window.lamplight.stats().adopted)).toBe(51)
})

test('waiting events keep their users, and those before a withdrawal are discarded', async ({ page, server, site }) => {
  await page.goto(`${site.origin}/without-wasm`)
  await trackEarly(page, server.url, ['withdrawn'])
  const kept = await page.evaluate(() => {
    const { lamplight } = window
    lamplight.setConsent('denied')
    const refused = lamplight.track('refused').reason
    lamplight.setConsent('granted')
    lamplight.track('nobody')
    lamplight.identify('ada')
    lamplight.track('hers')
    lamplight.reset()
    lamplight.identify('bob')
    lamplight.track('his')
    return refused
  })
  expect(kept).toBe('consent_denied')
  await started(page)
  const after = await page.evaluate(async () => {
    const tracked = window.lamplight.track('after')
    await window.lamplight.flush()
    return tracked
  })
  expect(after.stored).toBe(true)
  await expect.poll(async () => (await server.api.events()).length).toBe(6)
  const rows = await server.api.events()
  const whose = rows.sort((a, b) => Number(a.seq) - Number(b.seq)).map(({ name, user }) => [name, user?.id])
  expect(whose).toEqual([
    ['nobody', undefined],
    ['identify', 'ada'],
    ['hers', 'ada'],
    ['identify', 'bob'],
    ['his', 'bob'],
    ['after', 'bob'],
  ])
})

test('consent withdrawn on an earlier page holds for waiting events until granted', async ({ page, server, site }) => {
  await page.goto(`${site.origin}/without-wasm`)
  await trackEarly(page, server.url, ['first'])
  await started(page)
  await page.evaluate(() => window.lamplight.setConsent('denied'))

  await page.reload()
  expect(await trackEarly(page, server.url, ['waited'])).toEqual([expect.objectContaining({ reason: 'loading' })])
  await started(page)
  expect(await page.evaluate(() => window.lamplight.track('later').reason)).toBe('consent_denied')

  await page.reload()
  await trackEarly(page, server.url, ['waited'])
  await page.evaluate(() => window.lamplight.setConsent('granted'))
  await page.evaluate(() => window.lamplight.track('given'))
  await started(page)
  await page.evaluate(() => window.lamplight.track('after'))
  await expect
    .poll(async () =>
      (await server.api.events())
        .map(({ name }) => name)
        .filter((name) => name !== 'first')
        .sort(),
    )
    .toEqual(['after', 'given'])
})

test('if the translated client cannot load, an error says what to allow', async ({ page, server, site }) => {
  const pageErrors: string[] = []
  page.on('pageerror', (error) => pageErrors.push(error.message))
  await page.route(TRANSLATED, (route) => route.abort())
  await page.goto(`${site.origin}/without-wasm`)
  await trackEarly(page, server.url, ['lost'])
  expect(await page.evaluate(() => window.lamplight.flush())).toEqual({ sent: 0, queued: 0 })
  const { lastError, next } = await page.evaluate(() => ({
    lastError: window.lamplight.stats().lastError,
    next: window.lamplight.track('next'),
  }))
  expect(lastError).toContain("'wasm-unsafe-eval'")
  expect(next.reason).toBe('unavailable')
  expect(pageErrors).toEqual([])
})

test('a page that allows WebAssembly never fetches the translated client', async ({ page, server, site }) => {
  const fetched: string[] = []
  page.on('request', (request: Request) => fetched.push(new URL(request.url()).pathname))
  await page.goto(site.origin)
  const [tracked] = await trackEarly(page, server.url, ['allowed'])
  expect(tracked).toMatchObject({ seq: 1, stored: true })
  await page.evaluate(() => window.lamplight.flush())
  await expect.poll(() => fetched.some((path) => path.endsWith('/full.js'))).toBe(true)
  expect(fetched.filter((path) => TRANSLATED.test(path))).toEqual([])
})
