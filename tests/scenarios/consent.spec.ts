import { Client } from '../harness/client.ts'
import { OVERLOADED } from '../harness/fault_proxy.ts'
import { killRenderer, rendererPid } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

/**
 * The keys in localStorage, without the namespace, and without the tab lock and the names of the
 * namespace, which identify no user.
 */
function kept(client: Client): Promise<string[]> {
  return client.page.evaluate(() =>
    Object.keys(localStorage)
      .map((key) => key.replace(/^ll:[^:]+:/, ''))
      .filter((key) => key !== 'n' && !key.startsWith('l:'))
      .sort(),
  )
}

/** Tracks in the page and returns the whole result. */
function trackIn(client: Client, name: string) {
  return client.page.evaluate((name) => window.lamplight.track(name), name)
}

test('denied consent deletes and declares the unsent events of all tabs', async ({
  faultProxy,
  openBehindProxy,
  server,
}) => {
  faultProxy.behaviour = OVERLOADED
  const [one, two] = [await openBehindProxy(), await openBehindProxy()]
  await one.trackMany(3, 'secret')
  await two.trackMany(4, 'secret')
  await expect.poll(() => faultProxy.posts.length).toBeGreaterThan(0)

  await one.page.evaluate(() => window.lamplight.setConsent('denied'))
  expect((await one.stats()).queued).toBe(0)
  expect((await one.stats()).dropped.opted_out).toBe(3)
  expect(await trackIn(one, 'secret')).toEqual({ id: '', seq: 0, stored: false, reason: 'consent_denied' })
  // The events of other tabs follow once the full client has loaded.
  await expect.poll(async () => (await kept(one)).filter((key) => key.startsWith('q:'))).toEqual([])
  await expect.poll(async () => (await two.stats()).dropped.opted_out).toBe(4)
  expect((await trackIn(two, 'secret')).reason).toBe('consent_denied')

  faultProxy.behaviour = 'forward'
  await expect.poll(async () => (await server.api.totals()).declared).toBe(7)
  const totals = await server.api.totals()
  expect(totals).toMatchObject({ stored: 0, lost: 0, in_flight: 0 })
  expect(await server.api.events()).toEqual([])
})

test('denied consent holds for later pages that set none, until it is granted', async ({ openTab, server }) => {
  const tab = await openTab()
  await tab.track('before')
  await expect.poll(async () => (await server.api.events()).length).toBe(1)
  await tab.page.evaluate(() => window.lamplight.setConsent('denied'))

  await tab.page.reload()
  await tab.init(server.url)
  expect((await trackIn(tab, 'after')).reason).toBe('consent_denied')
  await tab.page.evaluate(() => window.lamplight.setConsent('granted'))
  expect(await trackIn(tab, 'again')).toMatchObject({ stored: true })

  await tab.page.reload()
  await tab.init(server.url)
  await tab.track('still')
  await expect
    .poll(async () => (await server.api.events()).map(({ name }) => name).sort())
    .toEqual(['again', 'before', 'still'])
  const rows = (await server.api.events()) as unknown as { user: { anonymous_id: string } }[]
  expect(new Set(rows.map(({ user }) => user.anonymous_id)).size).toBe(1)
})

test('forget deletes the user from storage in all tabs, and the next user is new', async ({
  faultProxy,
  openBehindProxy,
  server,
  site,
  context,
}) => {
  const first = await openBehindProxy()
  await first.page.evaluate(() => window.lamplight.identify('u-1'))
  await expect.poll(async () => (await server.api.events()).length).toBe(1)

  // A closed tab has left events, too.
  faultProxy.behaviour = OVERLOADED
  const gone = await openBehindProxy()
  await gone.trackMany(5, 'left_behind')
  await gone.page.close({ runBeforeUnload: false })
  await first.trackMany(2, 'secret')

  await first.page.evaluate(() => window.lamplight.forget())
  await expect.poll(async () => (await kept(first)).filter((key) => !key.startsWith('p:'))).toEqual(['o'])
  faultProxy.behaviour = 'forward'
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

test('denied consent at the start also deletes what an earlier page stored', async ({
  context,
  faultProxy,
  openBehindProxy,
  server,
  site,
}) => {
  faultProxy.behaviour = OVERLOADED
  const tab = await openBehindProxy()
  await tab.trackMany(2, 'secret')
  // Killed, because the last request of a closing page could arrive after the server has recovered.
  await killRenderer(tab.page, await rendererPid(tab.page))
  faultProxy.behaviour = 'forward'
  const page = await context.newPage()
  await page.goto(site.origin)
  const denying = await Client.in(page, faultProxy.url, { consent: 'denied' })
  await expect.poll(() => kept(denying)).toEqual(['o', 's', 'u'])
  await expect.poll(async () => (await server.api.totals()).declared).toBe(2)
  await denying.page.evaluate(() => window.lamplight.identify('u-1'))
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain('u-1')
})
