import { Client } from '../harness/client.ts'
import { OVERLOADED } from '../harness/front.ts'
import { killRenderer, rendererPid } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

/** What stands in localStorage, without the namespace, and without the tab lock, which names nobody. */
function kept(client: Client): Promise<string[]> {
  return client.page.evaluate(() =>
    Object.keys(localStorage)
      .map((key) => key.replace(/^ll:[^:]+:/, ''))
      .filter((key) => !key.startsWith('l:'))
      .sort(),
  )
}

/** What a call gives back in the page. */
function lately(client: Client, name: string) {
  return client.page.evaluate((name) => window.lamplight.track(name), name)
}

test('denied: what waits is gone at once, in every tab, is declared, and is never sent', async ({
  front,
  openBehindFront,
  server,
}) => {
  front.conduct = OVERLOADED
  const [one, two] = [await openBehindFront(), await openBehindFront()]
  await one.trackMany(3, 'secret')
  await two.trackMany(4, 'secret')
  await expect.poll(() => front.posts.length).toBeGreaterThan(0)

  await one.page.evaluate(() => window.lamplight.setConsent('denied'))
  expect((await one.stats()).queued).toBe(0)
  expect((await one.stats()).dropped.opted_out).toBe(3)
  expect(await lately(one, 'secret')).toEqual({ id: '', seq: 0, stored: false, reason: 'consent_denied' })
  // What other tabs have, as soon as the whole client is there.
  await expect.poll(async () => (await kept(one)).filter((key) => key.startsWith('q:'))).toEqual([])
  await expect.poll(async () => (await two.stats()).dropped.opted_out).toBe(4)
  expect((await lately(two, 'secret')).reason).toBe('consent_denied')

  front.conduct = 'passes'
  await expect.poll(async () => (await server.api.totals()).declared).toBe(7)
  const totals = await server.api.totals()
  expect(totals).toMatchObject({ stored: 0, lost: 0, in_flight: 0 })
  expect(await server.api.events()).toEqual([])
})

test('denied holds for pages that say nothing of consent, until somebody grants it', async ({ openTab, server }) => {
  const tab = await openTab()
  await tab.track('before')
  await expect.poll(async () => (await server.api.events()).length).toBe(1)
  await tab.page.evaluate(() => window.lamplight.setConsent('denied'))

  await tab.page.reload()
  await tab.init(server.url)
  expect((await lately(tab, 'after')).reason).toBe('consent_denied')
  await tab.page.evaluate(() => window.lamplight.setConsent('granted'))
  expect(await lately(tab, 'again')).toMatchObject({ stored: true })

  await tab.page.reload()
  await tab.init(server.url)
  await tab.track('still')
  await expect
    .poll(async () => (await server.api.events()).map(({ name }) => name).sort())
    .toEqual(['again', 'before', 'still'])
  const rows = (await server.api.events()) as unknown as { user: { anonymous_id: string } }[]
  expect(new Set(rows.map(({ user }) => user.anonymous_id)).size).toBe(1)
})

test('forget leaves nothing of the user in storage, in no tab, and whoever comes later is somebody else', async ({
  front,
  openBehindFront,
  server,
  site,
  context,
}) => {
  const first = await openBehindFront()
  await first.page.evaluate(() => window.lamplight.identify('u-1'))
  await expect.poll(async () => (await server.api.events()).length).toBe(1)

  // A tab that is gone has left something too.
  front.conduct = OVERLOADED
  const gone = await openBehindFront()
  await gone.trackMany(5, 'left_behind')
  await gone.page.close({ runBeforeUnload: false })
  await first.trackMany(2, 'secret')

  await first.page.evaluate(() => window.lamplight.forget())
  await expect.poll(async () => (await kept(first)).filter((key) => !key.startsWith('p:'))).toEqual(['o'])
  front.conduct = 'passes'
  await expect.poll(async () => (await server.api.totals()).declared).toBe(7)
  await expect.poll(() => kept(first)).toEqual(['o'])
  expect((await server.api.events()).map(({ name }) => name)).toEqual(['identify'])

  const page = await context.newPage()
  await page.goto(site.origin)
  const later = await Client.in(page, server.url, { consent: 'granted' })
  await later.track('later')
  await expect.poll(async () => (await server.api.events()).length).toBe(2)
  const [row, before] = (await server.api.events()) as unknown as {
    name: string
    user: { id?: string; anonymous_id: string }
    session: string
  }[]
  expect(row?.name).toBe('later')
  expect(row?.user.id).toBeUndefined()
  expect(row?.user.anonymous_id).not.toBe(before?.user.anonymous_id)
  expect(row?.session).not.toBe(before?.session)
})

test('who denies at the start has nothing kept, also of what an earlier page left', async ({
  context,
  front,
  openBehindFront,
  server,
  site,
}) => {
  front.conduct = OVERLOADED
  const tab = await openBehindFront()
  await tab.trackMany(2, 'secret')
  // Not closed: what a page says as it leaves could still be on its way when the server is well again.
  await killRenderer(tab.page, await rendererPid(tab.page))
  front.conduct = 'passes'
  const page = await context.newPage()
  await page.goto(site.origin)
  const denying = await Client.in(page, front.url, { consent: 'denied' })
  await expect.poll(() => kept(denying)).toEqual(['o', 's', 'u'])
  await expect.poll(async () => (await server.api.totals()).declared).toBe(2)
  await denying.page.evaluate(() => window.lamplight.identify('u-1'))
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('u-1')
})
