import { expect, test } from '../../harness/any_engine.ts'
import type { Tab } from '../../harness/engines/tab.ts'
import { ADMIN_TOKEN, WRITE_KEY } from '../../harness/server.ts'

/** Goes to an address, and waits until its page is there. */
async function go(tab: Tab, url: string): Promise<void> {
  await tab.evaluate((url) => {
    location.href = url
  }, url)
  await expectAt(tab, url)
}

async function expectAt(tab: Tab, url: string): Promise<void> {
  await expect
    .poll(async () => {
      try {
        return await tab.evaluate(() => (document.readyState === 'complete' ? location.href : ''), undefined)
      } catch {
        // The page is being replaced.
        return ''
      }
    })
    .toBe(url)
}

const text = (tab: Tab, selector: string) =>
  tab.evaluate((selector) => document.querySelector(selector)?.textContent?.replace(/\s+/g, ' ').trim() ?? '', selector)

test('somebody signs in, sees an event arrive, opens it, and signs out', async ({ engine, server }) => {
  const tab = await engine.openTab()
  await go(tab, `${server.url}/login`)
  await tab.evaluate((token) => {
    document.querySelector<HTMLInputElement>('input[name=token]')!.value = token
    document.querySelector<HTMLButtonElement>('button.primary')!.click()
  }, ADMIN_TOKEN)
  await expectAt(tab, `${server.url}/overview`)
  await go(tab, `${server.url}/live`)
  const event = [{ name: 'seen_live', properties: { plan: 'pro' } }]
  await server.api.post(JSON.stringify(event), { 'content-type': 'application/json' }, `?key=${WRITE_KEY}`)
  await expect.poll(() => text(tab, 'main table'), { message: 'the event appears by itself' }).toContain('seen_live')
  const href = await tab.evaluate(
    () => document.querySelector<HTMLAnchorElement>('main a[href^="/events/"]')!.href,
    undefined,
  )
  await go(tab, href)
  expect(await text(tab, 'main')).toContain('seen_live')
  await tab.evaluate(
    () => document.querySelector<HTMLFormElement>('form[action="/logout"]')!.requestSubmit(),
    undefined,
  )
  await expectAt(tab, `${server.url}/login`)
  await go(tab, `${server.url}/login`)
  expect(await text(tab, 'label')).toContain('Token')
})
