// A Lamplight client in a page of the site in Chromium, with reloads, navigations and load.
import type { BrowserContext, Page } from '@playwright/test'
import type { Options } from 'lamplight'
import { ChromiumTab } from './engines/chromium.ts'
import type { HangingRequest } from './hanging_request.ts'
import type { Site } from './site.ts'
import { TabClient } from './tab_client.ts'

export type { Made } from './tab_client.ts'

/** The ids of all events of a load, and of those that storage had no room for. */
export interface Loaded {
  made: string[]
  unstored: string[]
}

interface Load extends Loaded {
  acknowledged: string[]
  timer: number
}

declare global {
  interface Window {
    load: Load
  }
}

export class Client extends TabClient {
  readonly page: Page

  private constructor(page: Page) {
    super(new ChromiumTab(page))
    this.page = page
  }

  /** A new page of the site, with a client that sends to `url`. */
  static async openPage(
    context: BrowserContext,
    site: Site,
    url: string,
    options: Partial<Options> = {},
  ): Promise<Client> {
    const page = await context.newPage()
    await page.goto(site.origin)
    return Client.in(page, url, options)
  }

  /** A client in a page that the test has opened itself. */
  static async in(page: Page, url: string, options: Partial<Options> = {}): Promise<Client> {
    const client = new Client(page)
    await client.init(url, options)
    return client
  }

  /** Tracks and navigates in one task. The ids survive the navigation in the name of the window. */
  async trackAndLeave(count: number, name: string, path: string): Promise<string[]> {
    const arrived = this.page.waitForURL(`**${path}`)
    await this.page.evaluate(
      (order) => {
        setTimeout(() => {
          const ids = Array.from(
            { length: order.count },
            (_, index) => window.lamplight.track(order.name, { index }).id,
          )
          window.name = JSON.stringify(ids)
          location.href = order.path
        })
      },
      { count, name, path },
    )
    await arrived
    return this.page.evaluate(() => JSON.parse(window.name) as string[])
  }

  /** Tracks ten events every 20 ms until stopped, and records what the SDK reports as delivered. */
  startLoad(name: string, waitingMax = Infinity): Promise<void> {
    return this.page.evaluate(
      (order) => {
        const load: Load = { made: [], unstored: [], acknowledged: [], timer: 0 }
        window.load = load
        window.lamplight.on('delivered', (report) => load.acknowledged.push(...report.ids))
        load.timer = window.setInterval(() => {
          if (window.lamplight.stats().queued >= order.waitingMax) return
          for (let turn = 0; turn < 10; turn += 1) {
            const { id, stored } = window.lamplight.track(order.name, { turn })
            load.made.push(id)
            if (!stored) load.unstored.push(id)
          }
        }, 20)
      },
      { name, waitingMax },
    )
  }

  /** The ids that the SDK reported as delivered. */
  acknowledged(): Promise<string[]> {
    return this.page.evaluate(() => window.load.acknowledged)
  }

  /** Returns the ids of all events of the load. */
  stopLoad(): Promise<string[]> {
    return this.page.evaluate(() => {
      clearInterval(window.load.timer)
      return window.load.made
    })
  }

  /**
   * Ends the load and blocks the page in a synchronous request, whose body is the {@link Loaded}.
   */
  async stopLoadAndBlock(hanging: HangingRequest): Promise<void> {
    await this.page.evaluate((url) => {
      setTimeout(() => {
        clearInterval(window.load.timer)
        const request = new XMLHttpRequest()
        request.open('POST', url, false)
        request.send(JSON.stringify({ made: window.load.made, unstored: window.load.unstored }))
      })
    }, hanging.url)
  }

  /** Ends the load and reloads the page in one task. */
  async stopLoadAndReload(): Promise<Loaded> {
    await this.page.evaluate(() => {
      setTimeout(() => {
        clearInterval(window.load.timer)
        window.name = JSON.stringify({ made: window.load.made, unstored: window.load.unstored })
        location.reload()
      })
    })
    // Playwright can miss the event `load` on a busy machine, so this polls. It uses a timer,
    // because background tabs paint no frames.
    const isFresh = () => window.load === undefined && document.readyState === 'complete'
    await this.page.waitForFunction(isFresh, undefined, { polling: 100, timeout: 60_000 })
    return this.page.evaluate(() => JSON.parse(window.name) as Loaded)
  }
}
