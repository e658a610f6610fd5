import { chromium } from '@playwright/test'
import { Client } from '../harness/client.ts'
import { launchOptions } from '../harness/engines/chromium.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import type { Behaviour } from '../harness/fault_proxy.ts'
import { expect, test } from '../harness/test.ts'

const servers: { what: string; behaviour: Behaviour }[] = [
  { what: 'responds', behaviour: 'forward' },
  { what: 'resets connections', behaviour: 'reset' },
  { what: 'hang', behaviour: 'hang' },
]

for (const { what, behaviour } of servers)
  test(`a page continues after the back/forward cache while the server ${what}`, async ({
    faultProxy,
    server,
    site,
  }) => {
    const browser = await chromium.launch({ ...launchOptions(), ignoreDefaultArgs: ['--disable-back-forward-cache'] })
    try {
      const context = await browser.newContext()
      const tab = await Client.openPage(context, site, faultProxy.url)
      faultProxy.behaviour = behaviour
      const before = await tab.trackMany(40, 'before')
      await expect.poll(() => faultProxy.posts.length).toBeGreaterThan(0)
      await tab.page.evaluate(() => {
        window.addEventListener('pageshow', (event) => (window.name = `persisted: ${event.persisted}`))
      })
      const { producer } = await tab.stats()
      await tab.page.goto(`${site.origin}/next`)
      await tab.page.evaluate(() => void setTimeout(() => history.back()))
      await expect.poll(() => tab.page.evaluate(() => window.name).catch(() => 'navigating')).toBe('persisted: true')
      expect((await tab.stats()).producer, 'it is the same page load').toBe(producer)
      faultProxy.behaviour = 'forward'
      const after = await tab.trackMany(40, 'after')
      expect(after[0]!.seq).toBe(41)
      await expectExactlyOnce(
        server,
        [...before, ...after].map((one) => one.id),
      )
      await expect.poll(() => tab.waiting()).toBe(0)
    } finally {
      await browser.close()
    }
  })
