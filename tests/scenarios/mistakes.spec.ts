// What developers see in the console, and that nobody else sees or downloads anything.
import type { Page } from '@playwright/test'
import type { Options } from 'lamplight'
import { Client } from '../harness/client.ts'
import { ADMIN_TOKEN, type Server, WRITE_KEY } from '../harness/server.ts'
import type { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

/** The warnings of a page, and the chunks with warnings that it fetched. */
function watchConsole(page: Page): { warnings: string[]; chunks: string[] } {
  const seen = { warnings: [] as string[], chunks: [] as string[] }
  page.on('console', (message) => {
    if (message.type() === 'warning' && message.text().startsWith('lamplight:')) seen.warnings.push(message.text())
  })
  page.on('request', (request) => {
    if (request.url().includes('debug.js')) seen.chunks.push(request.url())
  })
  return seen
}

/** Makes each mistake more than once. */
async function makeMistakes(page: Page): Promise<void> {
  await page.evaluate(() => {
    const { lamplight } = window
    for (const id of ['', '  ', null]) lamplight.identify(id as string)
    for (const consent of ['maybe', 'yes']) lamplight.setConsent(consent as 'granted')
    for (const name of ['one', 'two']) {
      lamplight.track(name, [1] as never)
      lamplight.track(name, { text: 'x'.repeat(40_000) })
    }
    lamplight.use({
      name: 'failing',
      setup: () => {
        throw new Error('no')
      },
    })
  })
}

const MISTAKES = [
  "lamplight: identify: '' is not an id",
  "lamplight: setConsent: 'maybe' must be 'granted', 'denied' or 'pending'",
  "lamplight: track('one'): properties must be an object",
  "lamplight: track('one'): properties is too large",
  "lamplight: plugin 'failing': no",
]

test('on the own machine each kind of mistake is one warning with what to do', async ({ page, server, site }) => {
  const seen = watchConsole(page)
  await page.goto(site.origin)
  const misspelled = { sampelRate: 1, session_timeout: 30, storage: { maxbytes: 1e6 }, Release: 'v1' }
  await Client.in(page, server.url, misspelled as Partial<Options>)
  await makeMistakes(page)
  const wanted = [
    "unknown option 'sampelRate': did you mean option 'sampleRate'?",
    "unknown option 'session_timeout': the options are url, key, path,",
    "unknown option 'Release': did you mean option 'release'?",
    "unknown option 'storage.maxbytes': did you mean option 'storage.maxBytes'?",
  ].map((text) => `lamplight: ${text}`)
  await expect.poll(() => seen.warnings.length).toBe(wanted.length + MISTAKES.length)
  const found = [...seen.warnings].sort()
  const all = [...wanted, ...MISTAKES].sort()
  for (const [at, text] of all.entries()) expect(found[at]).toContain(text)
  expect(seen.warnings.filter((text) => text.includes('debug: false'))).toHaveLength(1)
  // A correct page has none.
  const other = await page.context().newPage()
  const quiet = watchConsole(other)
  await other.goto(site.origin)
  const tab = await Client.in(other, server.url)
  await tab.page.evaluate((id) => window.lamplight.delivered(id), (await tab.track('fine')).id)
  await other.waitForTimeout(300)
  expect(quiet.chunks).toHaveLength(1)
  expect(quiet.warnings).toEqual([])
})

test('one line links to the page’s events, where and when debug is on', async ({ context, server, site }) => {
  const open = async (options: Partial<Options>, count: number): Promise<{ lines: string[]; tab: Client }> => {
    const page = await context.newPage()
    const lines: string[] = []
    page.on('console', (message) => lines.push(`${message.type()} ${message.text()}`))
    await page.goto(site.origin)
    const tab = await Client.in(page, server.url, { namespace: `debug${count}`, ...options })
    return { lines, tab }
  }
  const { lines, tab } = await open({}, 1)
  const [producer] = (await tab.track('fine')).id.split('-')
  const link = `${server.url}/events?producer=${producer} (live: ${server.url}/live?producer=${producer})`
  await expect.poll(() => lines).toEqual([`info lamplight: events of this page: ${link}`])
  await expect.poll(async () => (await server.api.totals()).stored).toBe(1)
  const found = await fetch(`${server.url}/api/events?producer=${producer}`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  })
  expect(((await found.json()) as { events: unknown[] }).events).toHaveLength(1)

  const late = await open({ consent: 'pending', debug: true }, 2)
  await late.tab.page.evaluate(() => window.lamplight.track('asked'))
  await late.tab.page.waitForTimeout(300)
  expect(late.lines).toEqual([])
  await late.tab.page.evaluate(() => window.lamplight.setConsent('granted'))
  await expect.poll(() => late.lines).toHaveLength(1)

  const quiet = await open({ debug: false }, 3)
  await quiet.tab.track('quiet')
  await expect.poll(async () => (await server.api.totals()).stored).toBe(3)
  expect(quiet.lines).toEqual([])
  expect([lines.length, late.lines.length]).toEqual([1, 1])
})

test('a warning says why the server refuses events, with its code', async ({ page, server, site }) => {
  const seen = watchConsole(page)
  await page.goto(site.origin)
  const tab = await Client.in(page, server.url, { key: 'wk_0123456789abcdefghjkmnpqrx' })
  await tab.track('refused')
  await expect.poll(() => seen.warnings.join()).toContain(`lamplight: ${server.url}/v1/events refuses all events (key_`)
  expect(seen.warnings).toHaveLength(1)

  await page.reload()
  seen.warnings.length = 0
  await Client.in(page, server.url, { key: await restrictedKey(server), namespace: 'a' })
  await page.evaluate(() => window.lamplight.track('refused'))
  await expect.poll(() => seen.warnings.join()).toContain('(origin_not_allowed): ')
  expect(seen.warnings.join()).toContain(site.origin)

  await page.reload()
  seen.warnings.length = 0
  await Client.in(page, server.url, { path: '/v1/event', namespace: 'b' })
  await page.evaluate(() => window.lamplight.track('nowhere'))
  await expect.poll(() => seen.warnings.join()).toContain(`${server.url}/v1/event `)
  expect(seen.warnings).toHaveLength(1)

  // The site is no Lamplight server.
  await page.reload()
  seen.warnings.length = 0
  await Client.in(page, site.origin, { namespace: 'c' })
  await page.evaluate(() => window.lamplight.track('elsewhere'))
  await expect.poll(() => seen.warnings.join()).toContain("Does the option 'url' point to another server?")
})

test('a warning names the address of a server that does not answer or fails', async ({
  faultProxy,
  openBehindProxy,
  context,
}) => {
  const warnings: string[] = []
  context.on('console', (message) => {
    if (message.type() === 'warning') warnings.push(message.text())
  })
  const tab = await openBehindProxy()
  faultProxy.behaviour = 'reset'
  await tab.track('unanswered')
  await expect
    .poll(() => warnings.join())
    .toContain(`lamplight: no answer from ${faultProxy.url}/v1/events: is the server running`)
  faultProxy.behaviour = { status: 503, headers: { 'retry-after': '1' }, body: '{"code":"overloaded"}' }
  await expect.poll(() => warnings.join(), { timeout: 30_000 }).toContain('answered 503: the server has a problem')
  expect(warnings).toHaveLength(2)
})

for (const [where, host, options] of [
  ['on another host', 'shop.example', {}],
  ['on a host that only looks local', 'notlocalhost', {}],
  ['with debug: false', '127.0.0.1', { debug: false }],
] as const)
  test(`${where} nothing is written to the console`, async ({ page, server, site }) => {
    const seen = watchConsole(page)
    const url = await open(page, site, server, host)
    await Client.in(page, url, { ...options, sampelRate: 1 } as Partial<Options>)
    await makeMistakes(page)
    await page.waitForTimeout(1_000)
    expect(seen.warnings).toEqual([])
    if (host !== 'notlocalhost') expect(seen.chunks).toEqual([])
  })

for (const [host, options] of [
  ['localhost', {}],
  ['shop.localhost', {}],
  ['shop.example', { debug: true }],
] as const)
  test(`mistakes are warned about on ${host}`, async ({ page, server, site }) => {
    const seen = watchConsole(page)
    const url = await open(page, site, server, host)
    await Client.in(page, url, options)
    await makeMistakes(page)
    await expect.poll(() => seen.warnings.length).toBe(MISTAKES.length)
  })

test('the script tag warns with data-debug, also about misspelled attributes', async ({ page, server, site }) => {
  const seen = watchConsole(page)
  site.add(
    '/tagged',
    `<script src="/lamplight.js" data-key="${WRITE_KEY}" data-debug data-sampel-rate="1" data-nscript="x"></script>
    <script>lamplight.identify('')</script>`,
  )
  await open(page, site, server, 'shop.example', '/tagged')
  await expect.poll(() => seen.warnings.length).toBe(2)
  expect(seen.warnings.join()).toContain('unknown attribute data-sampel-rate: did you mean attribute data-sample-rate?')
  expect(seen.warnings.join()).toContain("identify: '' is not an id")
  expect(seen.chunks).toEqual([expect.stringContaining('http://shop.example/lamplight-debug.js?build=')])
})

/**
 * Opens the site under another host, where the server is, too. Returns the address for events. On a
 * public host, browsers would not let a page reach the server on loopback.
 */
async function open(page: Page, site: Site, server: Server, host: string, path = '/'): Promise<string> {
  if (host === '127.0.0.1') {
    await page.goto(site.origin)
    return server.url
  }
  await page.route(`http://${host}/**`, async (route) => {
    const request = route.request()
    const { pathname, search } = new URL(request.url())
    const isOfServer = /^\/(v1\/|lamplight[-.])/.test(pathname)
    const response = await fetch((isOfServer ? server.url : site.origin) + pathname + search, {
      method: request.method(),
      body: request.postDataBuffer() as BodyInit | null,
      headers: { 'content-type': 'text/plain' },
    }).catch(() => undefined)
    // As without this route: no answer is an error in the page, which may send again. The server is
    // gone, too, when a test has ended and its page has not.
    if (!response) return route.abort('connectionfailed')
    const headers = { 'content-type': response.headers.get('content-type') ?? '' }
    await route.fulfill({ status: response.status, headers, body: Buffer.from(await response.arrayBuffer()) })
  })
  await page.goto(`http://${host}${path}`)
  return `http://${host}`
}

/** A new write key for pages of another origin. */
async function restrictedKey(server: Server): Promise<string> {
  const response = await fetch(`${server.url}/api/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'write', source: 'shop', origins: ['https://shop.example.com'] }),
  })
  const { key } = (await response.json()) as { key: string }
  return key
}
