import { Client } from '../harness/client.ts'
import { expect, test } from '../harness/test.ts'

/** Quotes, line breaks, characters that JSON escapes, other scripts, and a surrogate pair. */
const ODD = 'Grüße "quoted" \\ path\r\n日本 💡'

interface Row {
  name: string
  user: { id: string } | null
  properties: Record<string, string>
  context: { plan: string }
}

test('texts in every script arrive unchanged, and storage holds only ASCII', async ({ context, site, server }) => {
  await server.kill()
  const page = await context.newPage()
  await page.goto(site.origin)
  const tab = await Client.in(page, server.url, { context: { plan: ODD } })
  await page.evaluate((text) => {
    window.lamplight.identify(text)
    window.lamplight.track(text, { [text]: text })
  }, ODD)
  const stored = await page.evaluate(() => Object.entries(localStorage).flat().join(''))
  expect(stored).toContain('\\u65e5')
  expect(stored).not.toMatch(/\P{ASCII}/u)

  await server.restart()
  await expect.poll(() => tab.waiting()).toBe(0)
  await expect.poll(async () => (await server.api.totals()).stored).toBe(2)
  const [row] = (await server.api.events({ name: ODD })) as unknown[] as Row[]
  expect(row).toMatchObject({ name: ODD, user: { id: ODD }, properties: { [ODD]: ODD }, context: { plan: ODD } })

  // The next page reads the same user from storage.
  await page.reload()
  const next = await Client.in(page, server.url)
  await next.track('later')
  await expect
    .poll(async () => ((await server.api.events({ name: 'later' })) as unknown[] as Row[])[0]?.user?.id)
    .toBe(ODD)
})

test('half of a surrogate pair becomes a replacement character', async ({ openTab, server }) => {
  const tab = await openTab()
  await tab.page.evaluate(() => {
    window.lamplight.identify('id\udc00')
    window.lamplight.track('name\ud800')
  })
  await expect.poll(async () => (await server.api.totals()).stored).toBe(2)
  const [row] = (await server.api.events({ name: 'name\ufffd' })) as unknown[] as Row[]
  expect(row?.user?.id).toBe('id\ufffd')
})

test('a name has at most 200 bytes of UTF-8, counted before escaping', async ({ openTab, server }) => {
  const tab = await openTab()
  const outcomes = await tab.page.evaluate(() =>
    [
      'x'.repeat(200),
      'ü'.repeat(100),
      '"'.repeat(200),
      '日'.repeat(66),
      'x'.repeat(201),
      'ü'.repeat(101),
      '日'.repeat(67),
    ].map((name) => window.lamplight.track(name).reason ?? 'stored'),
  )
  expect(outcomes).toEqual(['stored', 'stored', 'stored', 'stored', 'too_large', 'too_large', 'too_large'])
  await expect
    .poll(async () => await server.api.totals())
    .toMatchObject({ stored: 4, declared: 3, invalid: 0, lost: 0 })
})
