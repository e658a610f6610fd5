import type { BrowserContext, Page } from '@playwright/test'
import type { Options } from 'lamplight'
import { Client } from '../harness/client.ts'
import { type Server, WRITE_KEY } from '../harness/server.ts'
import { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

const CAMPAIGN = '/landing?utm_source=news&utm_medium=mail&token=secret'
const REFERRER = 'http://news.example/list?q=secret'

interface Initial {
  page: string
  referrer?: string
  utm?: Record<string, string>
}

/** The first page of the user, according to the only event of this name. */
async function initialOf(server: Server, name: string): Promise<Initial | null | undefined> {
  await expect.poll(async () => (await server.api.events({ name })).length, { message: name }).toBe(1)
  const [row] = (await server.api.events({ name })) as unknown as { context: { initial?: Initial | null } | null }[]
  return row?.context?.initial
}

/** Loads a page with a client that tracks nothing automatically. */
async function visit(
  page: Page,
  site: Site,
  server: Server,
  path: string,
  options: Partial<Options> = {},
  referer?: string,
): Promise<Client> {
  await page.goto(site.origin + path, referer ? { referer } : {})
  return Client.in(page, server.url, options)
}

async function visitInNewPage(
  context: BrowserContext,
  site: Site,
  server: Server,
  path: string,
  options?: Partial<Options>,
  referer?: string,
): Promise<Client> {
  return visit(await context.newPage(), site, server, path, options, referer)
}

/** The names of Lamplight's keys, without the namespace. */
const keys = (page: Page) => page.evaluate(() => Object.keys(localStorage).map((key) => key.replace(/^ll:\d+:/, '')))

test('each event has the first page of its user, in all tabs and visits, without query', async ({
  context,
  server,
  site,
}) => {
  const first: Initial = {
    page: `${site.origin}/landing`,
    referrer: 'http://news.example/list',
    utm: { source: 'news', medium: 'mail' },
  }
  const tab = await visitInNewPage(context, site, server, CAMPAIGN, {}, REFERRER)
  await tab.track('landed')
  expect(await initialOf(server, 'landed')).toEqual(first)
  await tab.page.evaluate(() => history.pushState({}, '', '/cart'))
  await tab.track('moved')
  expect(await initialOf(server, 'moved')).toEqual(first)
  // Also after the full client has taken over.
  await expect
    .poll(() =>
      tab.page.evaluate(() => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/full.js'))),
    )
    .toBe(true)
  await tab.page.waitForTimeout(500)
  await tab.track('full_client')
  expect(await initialOf(server, 'full_client')).toEqual(first)

  await (await visit(tab.page, site, server, '/prices?utm_source=ad')).track('came_back')
  expect(await initialOf(server, 'came_back')).toEqual(first)
  await (await visitInNewPage(context, site, server, '/', {}, 'http://other.example/')).track('elsewhere')
  expect(await initialOf(server, 'elsewhere')).toEqual(first)
  expect(JSON.stringify(await server.api.events())).not.toContain('secret')
})

test('a direct visit counts as the first page, also if its event is sampled out', async ({ context, server, site }) => {
  const tab = await visitInNewPage(context, site, server, '/two', { sampleRate: 0 }, `${site.origin}/one`)
  expect((await tab.track('left_out')).stored).toBe(false)
  await (await visit(tab.page, site, server, CAMPAIGN, {}, REFERRER)).track('later')
  expect(await initialOf(server, 'later')).toEqual({ page: `${site.origin}/two` })
})

test('after reset the open page is the first page of the next user', async ({ context, server, site }) => {
  const tab = await visitInNewPage(context, site, server, CAMPAIGN)
  await tab.page.evaluate(() => window.lamplight.identify('u-1'))
  await visit(tab.page, site, server, '/login?utm_source=ad')
  await tab.track('hers')
  expect((await initialOf(server, 'hers'))?.utm).toEqual({ source: 'news', medium: 'mail' })
  await tab.page.evaluate(() => window.lamplight.reset())
  await tab.track('theirs')
  expect(await initialOf(server, 'theirs')).toEqual({ page: `${site.origin}/login`, utm: { source: 'ad' } })
  await (await visit(tab.page, site, server, '/')).track('still_theirs')
  expect(await initialOf(server, 'still_theirs')).toEqual({ page: `${site.origin}/login`, utm: { source: 'ad' } })
})

test('the first page is stored only with consent, and deleted without it', async ({ context, server, site }) => {
  const tab = await visitInNewPage(context, site, server, CAMPAIGN, { consent: 'pending' })
  await tab.page.evaluate(() => window.lamplight.track('early'))
  expect(await keys(tab.page)).toEqual([])
  const other = await visitInNewPage(context, site, server, '/other', { consent: 'pending' })
  await tab.page.evaluate(() => window.lamplight.setConsent('granted'))
  expect((await initialOf(server, 'early'))?.utm).toEqual({ source: 'news', medium: 'mail' })
  expect(await keys(tab.page)).toContain('f')

  await other.page.evaluate(() => window.lamplight.setConsent('granted'))
  await other.track('beside')
  expect((await initialOf(server, 'beside'))?.page).toBe(`${site.origin}/landing`)
  await other.page.evaluate(() => window.lamplight.setConsent('denied'))
  await expect.poll(() => keys(other.page)).not.toContain('f')
  // A tab that learned of it before the other one denied does not write it again, nor does a page
  // that starts.
  await tab.page.evaluate(() => {
    history.pushState({}, '', '/moved')
    window.lamplight.track('after')
  })
  await visitInNewPage(context, site, server, '/new')
  await tab.page.waitForTimeout(200)
  expect(await keys(tab.page)).not.toContain('f')

  const later = await visitInNewPage(context, site, server, '/again', { consent: 'granted' })
  await later.track('again')
  expect((await initialOf(server, 'again'))?.page).toBe(`${site.origin}/again`)
  await later.page.evaluate(() => window.lamplight.forget())
  await expect.poll(() => keys(later.page)).not.toContain('f')
})

test('the context option overrides the first page, and a corrupt value is replaced', async ({
  context,
  server,
  site,
}) => {
  const tab = await visitInNewPage(context, site, server, CAMPAIGN, { context: { initial: null } })
  await tab.track('none')
  expect(await initialOf(server, 'none')).toBeNull()
  expect(await keys(tab.page)).not.toContain('f')
  await visit(tab.page, site, server, '/', { context: { initial: { page: 'mine' } } })
  await tab.track('own')
  expect(await initialOf(server, 'own')).toEqual({ page: 'mine' })

  // What the context hides about a page is not stored as the first page either.
  await visit(tab.page, site, server, CAMPAIGN, { context: { page: 'a page', referrer: undefined } }, REFERRER)
  await tab.track('redacted')
  expect(await initialOf(server, 'redacted')).toEqual({ page: 'a page', utm: { source: 'news', medium: 'mail' } })

  await tab.page.evaluate(() => window.lamplight.reset())
  await visit(tab.page, site, server, '/seen')
  await tab.page.evaluate(() => {
    for (const key of Object.keys(localStorage)) if (key.endsWith(':f')) localStorage[key] = '{"page":'
  })
  await visit(tab.page, site, server, '/repaired')
  await tab.track('repaired')
  expect(await initialOf(server, 'repaired')).toEqual({ page: `${site.origin}/repaired` })
})

test('a frame, an empty page or a prerendered page is never the first page', async ({ context, server, site }) => {
  const page = await context.newPage()
  await page.goto(`${site.origin}/frames`)
  const { entry, url, key } = { entry: Site.entry(), url: server.url, key: WRITE_KEY }
  const script = site.add(
    '/tracks.js',
    `import { init } from '${entry}'
    const lamplight = init({ url: '${url}', key: '${key}' })
    lamplight.track(new URL(import.meta.url).searchParams.get('name'))
    await lamplight.flush()
    ;(opener ?? parent).postMessage('sent', '*')`,
  )
  // In a frame of this origin, in frames without an address, and in an empty window.
  await page.evaluate(async (script) => {
    const inside = async (target: Window, name: string) => {
      const tag = Object.assign(target.document.createElement('script'), {
        type: 'module',
        src: `${script}?name=${name}`,
      })
      const told = new Promise((resolve) => window.addEventListener('message', resolve, { once: true }))
      target.document.head.append(tag)
      await told
    }
    for (const [name, attributes] of Object.entries({
      framed: { src: '/framed' },
      srcdoc: { srcdoc: '<p>A frame' },
      blank: {},
    })) {
      const frame = document.createElement('iframe')
      for (const [attribute, value] of Object.entries(attributes)) frame.setAttribute(attribute, value)
      const loaded = new Promise((resolve) => (frame.onload = resolve))
      document.body.append(frame)
      await loaded
      await inside(frame.contentWindow as Window, name)
    }
    await inside(window.open('about:blank') as Window, 'opened')
  }, script)
  for (const name of ['framed', 'srcdoc', 'blank', 'opened'])
    expect(await initialOf(server, name), name).toBeUndefined()
  expect(await keys(page)).not.toContain('f')

  // A prerendered page is one as soon as the user opens it.
  await page.evaluate(() => Object.defineProperty(document, 'prerendering', { value: true, configurable: true }))
  const tab = await Client.in(page, server.url)
  await tab.track('prerendered')
  expect(await initialOf(server, 'prerendered')).toBeUndefined()
  await page.evaluate(() => Object.defineProperty(document, 'prerendering', { value: false }))
  await tab.track('shown')
  expect(await initialOf(server, 'shown')).toEqual({ page: `${site.origin}/frames` })

  // Frames know the first page of their site.
  const frame = page.frames().find((frame) => frame.url().endsWith('/framed'))
  await frame?.evaluate(
    async ({ entry, url, key }) => {
      const { init } = (await import(entry)) as typeof import('lamplight')
      init({ url, key }).track('framed_later')
    },
    { entry, url, key },
  )
  expect(await initialOf(server, 'framed_later')).toEqual({ page: `${site.origin}/frames` })
})

test('without WebAssembly and consent, the first page is not stored', async ({ page, server, site }) => {
  await page.goto(`${site.origin}/without-wasm`)
  const tab = await Client.in(page, server.url)
  await page.waitForFunction(() => window.lamplight.stats().producer !== '')
  expect(await keys(page)).toContain('f')
  await page.evaluate(() => window.lamplight.setConsent('denied'))
  expect(await keys(page)).not.toContain('f')
  await page.reload()
  await tab.init(server.url)
  await page.evaluate(() => window.lamplight.track('waits'))
  expect(await keys(page)).not.toContain('f')
  await page.waitForFunction(() => window.lamplight.stats().producer !== '')
  expect(await keys(page)).not.toContain('f')
})
