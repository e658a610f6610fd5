import { Client } from '../harness/client.ts'
import { WRITE_KEY } from '../harness/server.ts'
import { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

interface Row {
  user?: { id?: string; anonymous_id?: string } | null
  session: string | null
  context: { page?: string; utm?: Record<string, string>; gpc?: boolean; release?: string; plan?: string } | null
}

/** The rows with this name, oldest first. */
async function rows(
  server: { api: { events(filter: Record<string, string>): Promise<unknown[]> } },
  name: string,
  count: number,
): Promise<Row[]> {
  await expect.poll(async () => (await server.api.events({ name })).length).toBe(count)
  return ((await server.api.events({ name })) as Row[]).reverse()
}

test('all tabs share user and session until reset, also after a reload', async ({ openTab, server }) => {
  const [one, two] = [await openTab(), await openTab()]
  await one.track('opened')
  await two.track('opened')
  const [first, second] = await rows(server, 'opened', 2)
  expect(first?.session).toMatch(/^\w{12}$/)
  expect(second?.session).toBe(first?.session)
  expect(first?.user?.anonymous_id).toMatch(/^\w{12}$/)
  expect(second?.user?.anonymous_id).toBe(first?.user?.anonymous_id)

  await one.page.evaluate(() => window.lamplight.identify('u-1', { plan: 'pro' }))
  await one.page.reload()
  await one.init(server.url)
  await one.track('back')
  const [back] = await rows(server, 'back', 1)
  expect(back?.user).toEqual({ id: 'u-1', anonymous_id: first?.user?.anonymous_id })
  expect(back?.session).toBe(first?.session)

  await one.page.evaluate(() => window.lamplight.reset())
  await one.track('later')
  const [later] = await rows(server, 'later', 1)
  expect(later?.user?.id).toBeUndefined()
  expect(later?.user?.anonymous_id).not.toBe(first?.user?.anonymous_id)
  expect(later?.session).not.toBe(first?.session)
})

test('an open tab follows identify and reset of another tab', async ({ openTab, server }) => {
  const [one, two] = [await openTab(), await openTab()]
  for (const tab of [one, two]) await tab.track('opened')
  const newest = async (name: string) => ((await server.api.events({ name })) as unknown[] as Row[])[0]
  /** Tracks in the second tab repeatedly until its events have this user id. */
  const follows = async (name: string, id: string | null) => {
    const userId = async () => {
      await two.track(name)
      const row = await newest(name)
      return row ? (row.user?.id ?? null) : 'no event yet'
    }
    await expect.poll(userId, { timeout: 10_000, intervals: [500] }).toBe(id)
  }
  await one.page.evaluate(() => window.lamplight.identify('u-1'))
  await follows('named', 'u-1')
  await one.page.evaluate(() => window.lamplight.reset())
  await one.track('left')
  await follows('forgotten', null)
  const [left] = await rows(server, 'left', 1)
  expect(await newest('forgotten')).toMatchObject({ user: left?.user, session: left?.session })
})

test('an event has the address of its page and the campaign, but no query', async ({ context, site, server }) => {
  const page = await context.newPage()
  await page.goto(`${site.origin}/?utm_source=news&utm_campaign=may&token=secret`)
  const tab = await Client.in(page, server.url, { release: '2.1.0', context: { plan: 'free' } })
  await tab.track('landed')
  await page.evaluate(() => history.pushState({}, '', '/cart?token=secret'))
  await tab.track('moved')
  const [landed] = await rows(server, 'landed', 1)
  expect(landed?.context).toMatchObject({
    page: `${site.origin}/`,
    utm: { source: 'news', campaign: 'may' },
    release: '2.1.0',
    plan: 'free',
  })
  const [moved] = await rows(server, 'moved', 1)
  expect(moved?.context?.page).toBe(`${site.origin}/cart`)
  expect(JSON.stringify([landed, moved])).not.toContain('secret')
})

test('events wait in memory while consent is pending, and arrive once it is granted', async ({
  context,
  site,
  server,
}) => {
  const page = await context.newPage()
  await page.goto(site.origin)
  const tab = await Client.in(page, server.url, { consent: 'pending' })
  const pending = await tab.page.evaluate(() => [1, 2, 3].map((index) => window.lamplight.track('early', { index })))
  expect(pending).toEqual(Array(3).fill({ id: '', seq: 0, stored: false, reason: 'consent_pending' }))
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([])
  const grantedMs = await page.evaluate(async () => {
    await new Promise((resolve) => setTimeout(resolve, 50))
    window.lamplight.setConsent('granted')
    return Date.now()
  })
  const early = (await rows(server, 'early', 3)) as (Row & { ts: number })[]
  expect(early.every(({ ts }) => ts < grantedMs - 40)).toBe(true)

  await page.evaluate(() => window.lamplight.setConsent('denied'))
  expect(await tab.track('late')).toMatchObject({ id: '', seq: 0, stored: false })
})

test('events of a browser with Global Privacy Control are marked', async ({ context, site, server }) => {
  const page = await context.newPage()
  await page.addInitScript(() => Object.defineProperty(navigator, 'globalPrivacyControl', { value: true }))
  await page.goto(site.origin)
  const tab = await Client.in(page, server.url)
  await tab.track('marked')
  const [marked] = await rows(server, 'marked', 1)
  expect(marked?.context?.gpc).toBe(true)
})

test('a batch that beforeSend defers stays queued and is sent later', async ({ openTab, server }) => {
  const tab = await openTab()
  await tab.page.evaluate(
    async ({ entry, url, key }) => {
      const { init } = (await import(entry)) as typeof import('lamplight')
      window.lamplight.close()
      window.lamplight = init({ url, key, beforeSend: () => document.title === 'go' })
    },
    { entry: Site.entry(), url: server.url, key: WRITE_KEY },
  )
  await tab.track('held')
  await tab.page.waitForTimeout(1_500)
  expect(await server.api.events({ name: 'held' })).toEqual([])
  expect(await tab.waiting()).toBe(1)
  await tab.page.evaluate(() => {
    document.title = 'go'
  })
  await rows(server, 'held', 1)
})
