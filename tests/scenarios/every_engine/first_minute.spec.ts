import { expect, test } from '../../harness/any_engine.ts'
import type { Tab } from '../../harness/engines/tab.ts'
import { ADMIN_TOKEN, Server, WRITE_KEY } from '../../harness/server.ts'

/** The link that a first start prints. It is the first start if a key is missing. */
async function printedLink(server: Server): Promise<string> {
  const link = (): string | undefined => /http:\S+\/login\?code=\S+/.exec(server.log())?.[0]
  await expect.poll(link).toBeDefined()
  return link() ?? ''
}

/** Where a tab is. Empty while it navigates. */
function pathOf(tab: Tab): Promise<string> {
  return tab.evaluate(() => location.pathname, null).catch(() => '')
}

test('an empty server shows the first event of a page by itself', async ({ engine, site }) => {
  const server = await Server.start('serve', { LAMPLIGHT_WRITE_KEY: WRITE_KEY, LAMPLIGHT_ADMIN_TOKEN: ADMIN_TOKEN })
  try {
    const tab = await engine.openTab()
    const link = await printedLink(server)
    await tab.evaluate((to) => {
      // After this call, whose context ends with the page.
      setTimeout(() => location.assign(to))
    }, link)
    await expect.poll(() => pathOf(tab)).toBe('/overview')
    await expect
      .poll(() => tab.evaluate(() => document.getElementById('first-event')?.textContent ?? '', null).catch(() => ''))
      .toContain('waiting')
    const tag = await tab.evaluate(() => {
      Object.assign(window, { isSamePage: true })
      return document.getElementById('snippet-tag')?.textContent ?? ''
    }, null)
    expect(tag).toContain(`src="${server.url}/lamplight.js" data-key="${WRITE_KEY}"`)

    site.add('/first.html', `<!doctype html><html lang="en"><title>The first page</title>${tag}<p>A page.</p></html>`)
    const page = await engine.openTab('/first.html')
    await expect.poll(async () => (await server.api.events()).map(({ name }) => name)).toEqual(['page'])
    await page.close()

    const seen = (): Promise<{ text: string; links: string[]; isSamePage: boolean }> =>
      tab.evaluate(() => {
        const part = document.getElementById('first-event')
        const links = [...(part?.querySelectorAll('a') ?? [])].map((link) => link.getAttribute('href') ?? '')
        return { text: part?.textContent ?? '', links, isSamePage: 'isSamePage' in window }
      }, null)
    await expect.poll(async () => (await seen()).text).toContain('arrived')
    const { links, isSamePage } = await seen()
    expect(isSamePage).toBe(true)
    const [event] = await server.api.events()
    expect(links).toEqual([`/events/${event?.id}`, '/events', '/live?mine=true', '/overview'])
  } finally {
    await server.remove()
  }
})
