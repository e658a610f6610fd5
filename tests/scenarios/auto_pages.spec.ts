import { expect, test } from '../harness/test.ts'
import { rows, watch } from '../harness/watched_tab.ts'

for (const [how, hasNavigation] of [
  ['the Navigation API', true],
  ['the History API', false],
] as const)
  test.describe(how, () => {
    test.beforeEach(async ({ context }) => {
      if (!hasNavigation)
        await context.addInitScript(() => Object.defineProperty(window, 'navigation', { value: undefined }))
    })

    test(`each change of the address is one page view with ${how}, an anchor is none`, async ({ openTab, server }) => {
      const tab = await openTab()
      const push = await tab.page.evaluateHandle(() => history.pushState)
      await watch(tab, { clicks: false, errors: false })
      await tab.page.evaluate(async () => {
        const settle = () => new Promise((resolve) => setTimeout(resolve, 100))
        history.pushState({}, '', '/cart')
        history.pushState({ again: true }, '', '/cart')
        history.replaceState({}, '', '/cart?step=2')
        history.replaceState({ scroll: 100 }, '')
        await settle()
        location.hash = 'terms'
        await settle()
        location.hash = '#/route'
        await settle()
        history.go(-2)
        await settle()
      })
      await expect.poll(() => tab.page.evaluate(() => location.search + location.hash)).toBe('?step=2')
      const views = await rows(server, 'page', 4)
      const seen = views.map(({ properties }) => new URL(String(properties['url'])))
      expect(seen.map(({ pathname, search, hash }) => pathname + search + hash)).toEqual([
        '/',
        '/cart',
        '/cart#/route',
        '/cart',
      ])
      expect(new URL(String(views[1]?.properties['referrer'])).pathname).toBe('/')

      await tab.page.evaluate(() => {
        window.stopAuto()
        history.pushState({}, '', '/unseen')
      })
      expect(await tab.page.evaluate((push) => history.pushState === push, push)).toBe(true)
      await tab.track('last')
      await rows(server, 'last', 1)
      await rows(server, 'page', 4)
    })

    test(`a replaced query is no view with ${how}, a replaced path or pushed query is`, async ({ openTab, server }) => {
      const tab = await openTab()
      await watch(tab, { clicks: false, errors: false })
      await tab.page.evaluate(() => {
        for (const text of ['l', 'la', 'lamp']) history.replaceState({}, '', `/?q=${text}`)
        history.pushState({}, '', '/?q=lamp')
        history.pushState({}, '', '/?q=lamps')
        history.replaceState({}, '', '/login?next=/')
        history.pushState({}, '', '/app#/search')
        for (const text of ['a', 'ab']) history.replaceState({}, '', `/app#/search?q=${text}`)
        history.replaceState({}, '', '/app#/found')
        history.replaceState({}, '', '/app#!/old?q=a#access_token=SECRET')
        window.lamplight.track('last')
      })
      await rows(server, 'last', 1)
      await expect.poll(async () => (await server.api.events({ name: 'page' })).length).toBe(6)
      const views = await rows(server, 'page', 6)
      const origin = new URL(tab.page.url()).origin
      expect(views.map(({ properties }) => String(properties['url']).replace(origin, ''))).toEqual([
        '/',
        '/',
        '/login',
        '/app#/search',
        '/app#/found',
        '/app#!/old',
      ])
      expect(views.map(({ properties }) => String(properties['referrer'] ?? '').replace(origin, ''))).toEqual([
        '',
        '/',
        '/',
        '/login',
        '/app#/search',
        '/app#/found',
      ])
      expect(JSON.stringify(await server.api.events())).not.toMatch(/SECRET|lamps|q=/)
    })

    test(`a view has its own title and time with ${how}, also if the user leaves`, async ({ openTab, server }) => {
      const tab = await openTab()
      await watch(tab, { clicks: false, errors: false })
      const startMs = await tab.page.evaluate(async () => {
        const settle = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
        const startMs = Date.now()
        history.pushState({}, '', '/cart')
        // As frameworks do: the old title is removed before the new one is added.
        await settle(300)
        document.querySelector('title')?.remove()
        await settle(20)
        document.head.append(Object.assign(document.createElement('title'), { textContent: 'Cart' }))
        await settle(50)
        // A quick change: the first has no time to set its title.
        history.pushState({}, '', '/redirect')
        history.pushState({}, '', '/pay')
        document.title = 'Pay'
        await settle(50)
        // The title stays the same.
        history.pushState({}, '', '/pay/2')
        await settle(1_200)
        history.pushState({}, '', '/thanks')
        location.href = '/other'
        return startMs
      })
      // Without the Navigation API, the next page of the site may deliver the last view.
      await tab.page.waitForURL('**/other')
      await tab.init(server.url)
      const views = await rows(server, 'page', 6)
      expect(views.map(({ properties }) => [properties['path'], properties['title']])).toEqual([
        ['/', 'A page'],
        ['/cart', 'Cart'],
        ['/redirect', 'Cart'],
        ['/pay', 'Pay'],
        ['/pay/2', 'Pay'],
        ['/thanks', 'Pay'],
      ])
      const { ts } = views[1] as unknown as { ts: number }
      expect(ts - startMs).toBeLessThan(250)
      // The context is that of the view, too, and no other page's.
      const contexts = (views as unknown as { context: { page: string } }[]).map(({ context }) => context.page)
      expect(contexts.map((page) => new URL(page).pathname)).toEqual(views.map(({ properties }) => properties['path']))
    })
  })

test('a page that is prerendered is viewed when the user opens it, and only then', async ({ openTab, server }) => {
  const tab = await openTab()
  await tab.page.evaluate(() => Object.defineProperty(document, 'prerendering', { value: true, configurable: true }))
  await watch(tab, { clicks: false, errors: false })
  await tab.page.evaluate(() => {
    history.replaceState({}, '', '/prepared')
    window.lamplight.track('before')
  })
  await rows(server, 'before', 1)
  expect(await server.api.events({ name: 'page' })).toEqual([])
  await tab.page.evaluate(() => {
    Object.defineProperty(document, 'prerendering', { value: false })
    document.dispatchEvent(new Event('prerenderingchange'))
  })
  const [view] = await rows(server, 'page', 1)
  expect(view?.properties['path']).toBe('/prepared')
})

test('titles and addresses of any length fit into a page view', async ({ openTab, server }) => {
  const tab = await openTab()
  const { stored } = await tab.page.evaluate(() => {
    document.title = `${'💡'.repeat(20_000)} https://shop.example/?token=SECRET`
    history.replaceState({}, '', `/${'p'.repeat(20_000)}?${'q'.repeat(20_000)}#/${'f'.repeat(20_000)}`)
    return window.lamplight.page()
  })
  expect(stored).toBe(true)
  const [view] = await rows(server, 'page', 1)
  for (const name of ['url', 'path', 'title']) expect(String(view?.properties[name])).toHaveLength(500)
})

test('watching twice, as in React strict mode, counts no page view twice', async ({ openTab, server }) => {
  const tab = await openTab()
  await watch(tab, {})
  await tab.page.evaluate(() => window.stopAuto())
  await watch(tab, {})
  await tab.page.evaluate(() => history.pushState({}, '', '/next'))
  await tab.track('last')
  await rows(server, 'last', 1)
  const views = await rows(server, 'page', 2)
  expect(views.map(({ properties }) => properties['path'])).toEqual(['/', '/next'])
})
