// The fixtures of scenarios that run in every browser: its own server and site, and the project's
// browser.
import type { Options } from 'lamplight'
import { Chromium } from './engines/chromium.ts'
import { Firefox } from './engines/firefox.ts'
import type { Engine } from './engines/tab.ts'
import { Webkit } from './engines/webkit.ts'
import { TabClient } from './tab_client.ts'
import { test as base } from './test.ts'

const ENGINES = { chromium: Chromium, firefox: Firefox, webkit: Webkit }

export interface Choice {
  /** The browser, which the project sets. */
  engineName: keyof typeof ENGINES
}

interface Fixtures {
  engine: Engine
  /** The same browser with another profile, and so with another localStorage. */
  otherProfile: Engine
  /** Opens a tab of the site with a client in it. */
  openClient: (options?: Partial<Options>) => Promise<TabClient>
}

export const test = base.extend<Choice & Fixtures>({
  engineName: ['chromium', { option: true }],
  engine: async ({ engineName, site }, use) => {
    const engine = await ENGINES[engineName].start(site)
    await use(engine)
    await engine.close()
  },
  otherProfile: async ({ engineName, site }, use) => {
    const engine = await ENGINES[engineName].start(site)
    await use(engine)
    await engine.close()
  },
  openClient: async ({ engine, server }, use) => {
    await use(async (options) => TabClient.open(await engine.openTab(), server.url, options))
  },
})

export { expect } from '@playwright/test'
