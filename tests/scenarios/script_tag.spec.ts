import type { Page } from '@playwright/test'
import { WRITE_KEY } from '../harness/server.ts'
import type { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

/** The first tag of the documentation. */
const STUB = `<script>((l) => { if (!l.q) return
  const call = (name, given) => new Promise((done) => {
    try { given = structuredClone(given) } catch {}
    l.q.push([name, Date.now(), given, location.href, done])
  })
  for (const name of 'track page increment gauge timing timer identify reset setConsent forget use flush delivered stats on close'.split(' '))
    l[name] = (...given) => call(name, given)
  l.on = (...given) => { const off = call('on', given); return () => off.then((stop) => stop()) }
  l.timer = (metric, options, since = Date.now()) => () => l.timing(metric, Date.now() - since, options)
})(window.lamplight ??= { q: [] })</script>`

/** Opens a page of the site with this content. */
async function open(page: Page, site: Site, html: string): Promise<void> {
  // The page's `load` may wait for the script.
  await page.goto(site.add('/tag.html', `<!doctype html><title>Tag</title>${html}`), { waitUntil: 'commit' })
}

test('calls made before the script has loaded keep their order and times', async ({ page, server, site }) => {
  const script = `${server.url}/lamplight.js`
  let release = (): void => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  await page.route(script, async (route) => {
    await held
    await route.continue()
  })
  await open(
    page,
    site,
    `${STUB}
    <script async src="${script}" data-key="${WRITE_KEY}" data-namespace="shop" data-release="3.1" data-auto="pages"></script>
    <script>
      const kept = lamplight
      lamplight.identify('u-1', { plan: 'pro' })
      lamplight.track('early', { n: 1 })
      setTimeout(() => lamplight.track('early', { n: 2 }), 300)
    </script>`,
  )
  await page.waitForTimeout(600)
  const beforeMs = await page.evaluate(() => Date.now())
  release()
  await expect.poll(() => page.evaluate(() => 'q' in window.lamplight)).toBe(false)
  await page.evaluate(() => {
    window.lamplight.track('late')
    // Code that kept a reference to the queue still calls it.
    new Function("kept.track('kept')")()
  })
  await expect.poll(async () => (await server.api.events()).length).toBe(6)
  type Row = Awaited<ReturnType<typeof server.api.events>>[number] & {
    ts: number
    context: { release: string }
    user: { id?: string }
  }
  const rows = ((await server.api.events()) as Row[]).sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0))
  expect(rows.map(({ name }) => name)).toEqual(['identify', 'early', 'early', 'page', 'late', 'kept'])
  expect(rows.map(({ properties }) => properties?.['n'])).toEqual([undefined, 1, 2, undefined, undefined, undefined])
  const [identified, first, second] = rows
  expect(first?.user.id).toBe('u-1')
  expect(first?.context.release).toBe('3.1')
  expect((second?.ts ?? 0) - (first?.ts ?? 0)).toBeGreaterThanOrEqual(290)
  expect(identified?.ts).toBeLessThan(beforeMs - 500)
  expect(await page.evaluate(() => Object.keys(localStorage).filter((key) => !key.startsWith('shop:')))).toEqual([])
})

test('without WebAssembly the script fetches the translated client from its server', async ({ page, server, site }) => {
  const policy = `default-src 'none'; script-src ${server.url} 'nonce-n'; connect-src ${server.url}`
  await open(
    page,
    site,
    `<meta http-equiv="Content-Security-Policy" content="${policy}">
    <script src="${server.url}/lamplight.js" data-key="${WRITE_KEY}"></script>
    <script nonce="n">window.early = lamplight.track('early').reason</script>`,
  )
  await expect.poll(() => page.evaluate(() => (window as unknown as { early?: string }).early)).toBe('loading')
  await expect.poll(async () => (await server.api.events()).map(({ name }) => name)).toEqual(['early'])
})

test('a second tag and a tag without a key have no effect on the page', async ({ page, server, site }) => {
  const pageErrors: string[] = []
  const messages: string[] = []
  page.on('pageerror', (error) => pageErrors.push(error.message))
  page.on('console', (message) => messages.push(message.text()))
  const tag = (rest: string): string => `<script src="${server.url}/lamplight.js" ${rest}></script>`
  await open(
    page,
    site,
    `${tag('data-key=""')}${tag(`data-key="${WRITE_KEY}"`)}<script>const first = lamplight</script>${tag('data-key="wk_other"')}
    <script>lamplight.track(first === lamplight ? 'same' : 'other')</script>`,
  )
  await expect.poll(async () => (await server.api.events()).map(({ name }) => name)).toEqual(['same'])
  expect(pageErrors).toEqual([])
  expect(messages.join()).toContain("option 'key' must be a write key")
})

test('the script also works as a module, and tracks what its tag lists', async ({ page, server, site }) => {
  await open(
    page,
    site,
    `<script type="module" crossorigin src="${server.url}/lamplight.js" data-key="${WRITE_KEY}" data-auto="clicks"></script>
    <button data-track="pressed">Press</button>`,
  )
  await expect.poll(() => page.evaluate(() => typeof window.lamplight)).toBe('object')
  await page.click('button')
  await expect.poll(async () => (await server.api.events()).map(({ name }) => name)).toEqual(['pressed'])
})

test('the script is served with CORS, compression and caching', async ({ server }) => {
  const url = `${server.url}/lamplight.js`
  const answer = await fetch(url, { headers: { 'accept-encoding': 'br' } })
  expect(answer.status).toBe(200)
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'content-encoding': 'br',
    'access-control-allow-origin': '*',
    'cross-origin-resource-policy': 'cross-origin',
    'x-content-type-options': 'nosniff',
    'cache-control': expect.stringContaining('public, max-age='),
  })
  const text = await answer.text()
  for (const encoding of ['gzip', 'identity']) {
    const same = await fetch(url, { headers: { 'accept-encoding': encoding } })
    expect(same.headers.get('content-encoding')).toBe(encoding === 'gzip' ? 'gzip' : null)
    expect(await same.text()).toBe(text)
  }
  const again = await fetch(url, {
    headers: { 'accept-encoding': 'br', 'if-none-match': answer.headers.get('etag') ?? '' },
  })
  expect(again.status).toBe(304)
  expect(server.log()).toContain(`<script async src="${url}" data-key="${WRITE_KEY}" data-auto></script>`)
})

test('the script fetches the full client of its own build, and no other build', async ({ page, server, site }) => {
  const rest = page.waitForResponse((response) => response.url().includes('/lamplight-full.js'))
  await open(
    page,
    site,
    `<script src="${server.url}/lamplight.js" data-key="${WRITE_KEY}"></script><script>lamplight.track('first')</script>`,
  )
  const response = await rest
  expect(response.status()).toBe(200)
  const other = await fetch(response.url().replace(/build=.*/, 'build=0123456789abcdef'))
  expect(other.status).toBe(404)
  await page.waitForTimeout(1_000)
  expect(await page.evaluate(() => window.lamplight.track('second').seq)).toBe(2)
  await expect.poll(async () => (await server.api.totals()).stored).toBe(2)
})
