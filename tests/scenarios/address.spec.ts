// What a page's next version finds when its server's address or its write key has changed.
import type { Page } from '@playwright/test'
import type { Failure, Options } from 'lamplight'
import { Client } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { killRenderer, rendererPid } from '../harness/renderer.ts'
import { WRITE_KEY } from '../harness/server.ts'
import { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

/** Nothing listens there. */
const WRONG = 'http://127.0.0.1:9'

/** The errors that `init` throws for these options. */
function refusals(page: Page, all: Partial<Record<keyof Options, unknown>>[]): Promise<string[]> {
  return page.evaluate(
    async (order) => {
      const { init } = (await import(order.entry)) as typeof import('lamplight')
      return order.all.map((options) => {
        try {
          init({ key: 'wk_test', ...options } as Options).close()
          return ''
        } catch (error) {
          return String(error)
        }
      })
    },
    { entry: Site.entry(), all },
  )
}

test('a page refuses every url that would post to its own site by accident', async ({ page, site }) => {
  await page.goto(site.origin)
  const wrong = [
    ...[undefined, null, '', ' ', 'undefined', 'null', 'undefined/t', 'https://undefined', 'https://null/t'],
    ...[
      't.example.com',
      'localhost:8787',
      './t',
      '?t',
      '#',
      'javascript:void 0',
      'data:,x',
      'blob:https://t.example.com/1',
    ],
    ...['ftp://t.example.com', 'https:/t.example.com', 'https:t.example.com', 'https://', 'http://', '//', '{}', 'NaN'],
    ...[
      'https://me@t.example.com',
      'https://me:secret@t.example.com',
      '%VITE_URL%',
      '$' + '{URL}',
      '/undefined',
      0,
      {},
    ],
  ]
  for (const [at, message] of (
    await refusals(
      page,
      wrong.map((url) => ({ url })),
    )
  ).entries())
    expect(message, String(wrong[at])).toMatch(/^TypeError: lamplight: option 'url' must be the server's address/)
  expect((await refusals(page, [{ url: undefined }]))[0]).toContain("not 'undefined'")
  const right = [
    ...[
      'https://t.example.com',
      'HTTP://t.example.com:8787/a/',
      '//t.example.com',
      '/',
      '/t',
      '/t@2',
      ' https://t.example.com\n',
    ],
    ...['http://[::1]:8787', 'https://undefined.example.com', 'https://t.example.com/a@b'],
  ]
  expect(
    await refusals(
      page,
      right.map((url) => ({ url })),
    ),
  ).toEqual(right.map(() => ''))
  const paths = ['v1/events', '', '/e?a=b', '/e#a', 1]
  for (const message of await refusals(
    page,
    paths.map((path) => ({ url: '/', path })),
  ))
    expect(message).toContain("option 'path' must be a path such as '/v1/events'")
})

test('after the address is corrected, events, user and consent of the old one are kept', async ({
  context,
  server,
  site,
}) => {
  const wrong = await Client.openPage(context, site, WRONG)
  const identified = await wrong.page.evaluate(() => window.lamplight.identify('ada'))
  const left = await wrong.trackMany(3, 'before')
  await killRenderer(wrong.page, await rendererPid(wrong.page))
  const right = await Client.openPage(context, site, server.url)
  const own = await right.trackMany(2, 'after')
  await expect.poll(async () => (await server.api.events()).length).toBe(6)
  await expectExactlyOnce(
    server,
    [identified, ...left, ...own].map(({ id }) => id),
  )
  const rows = (await server.api.events()) as unknown as { user: { id?: string; anonymous_id: string } }[]
  expect(new Set(rows.map(({ user }) => `${user.id} ${user.anonymous_id}`)).size, 'users').toBe(1)

  await right.page.evaluate(() => window.lamplight.setConsent('denied'))
  const moved = await Client.openPage(context, site, server.url.replace('127.0.0.1', 'localhost'))
  expect(await moved.page.evaluate(() => window.lamplight.track('denied').reason)).toBe('consent_denied')
})

test('a new write key after a new address still finds the first events', async ({ context, page, server, site }) => {
  await page.goto(site.origin)
  const prefixes = async (url: string, key: string): Promise<string[]> => {
    const tab = await Client.openPage(context, site, url, { key })
    await tab.track('kept')
    return tab.page.evaluate(() =>
      Object.keys(localStorage)
        .filter((name) => name.includes(':q:'))
        .map((name) => name.split(':q:')[0] as string),
    )
  }
  for (const [url, key] of [
    [WRONG, 'wk_one'],
    [`${WRONG}/moved`, 'wk_one'],
    [`${WRONG}/moved`, 'wk_two'],
    [`${WRONG}/again`, 'wk_two'],
  ] as const)
    expect(new Set(await prefixes(url, key)).size, `${url} ${key}`).toBe(1)
  // Another server with another key is another installation.
  expect(new Set(await prefixes(`${server.url}/other`, 'wk_other')).size).toBe(2)
})

test('two installations on one origin keep apart, and leftovers are reported', async ({
  context,
  faultProxy,
  server,
  site,
}) => {
  const other = await Client.openPage(context, site, WRONG, { key: 'wk_other' })
  await other.trackMany(3, 'of another installation')
  await killRenderer(other.page, await rendererPid(other.page))
  const errors = async (): Promise<string[]> => {
    const tab = await Client.openPage(context, site, faultProxy.url)
    await tab.page.evaluate(() => {
      const errors: Failure[] = []
      Object.assign(window, { errors })
      window.lamplight.on('error', (error) => errors.push(error))
    })
    await tab.track('own')
    // The full client adopts what it may ten seconds after the start.
    await tab.page.waitForTimeout(12_000)
    return tab.page.evaluate(() => (window as unknown as { errors: Failure[] }).errors.map(({ message }) => message))
  }
  expect(await errors()).toEqual([])
  const page = await context.newPage()
  await page.goto(site.origin)
  await page.evaluate(
    (weekMs) => {
      for (const key of Object.keys(localStorage))
        if (key.endsWith(':s')) localStorage[key] = `${Date.now() - weekMs - 1_000}:${localStorage[key].split(':')[1]}`
    },
    7 * 24 * 60 * 60 * 1000,
  )
  const [message] = await errors()
  expect(message).toMatch(/^localStorage still has events of another address and write key: 3 keys below 'll:\d+'/)
  expect((await server.api.events()).map(({ name }) => name)).toEqual(['own', 'own'])
  const drained = await Client.openPage(context, site, server.url, {
    key: WRITE_KEY,
    namespace: message?.match(/ll:\d+/)?.[0] ?? '',
  })
  await drained.track('drained')
  await expect.poll(async () => (await server.api.events()).length, { timeout: 30_000 }).toBe(6)
})
