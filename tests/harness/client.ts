// A Lamplight client in a page of the site in Chromium, with reloads and navigations.
import type { BrowserContext, Page } from '@playwright/test'
import type { Options } from 'lamplight'
import { ChromiumTab } from './engines/chromium.ts'
import type { HangingRequest } from './hanging_request.ts'
import type { Site } from './site.ts'
import { type Loaded, TabClient } from './tab_client.ts'

export type { Loaded, Made } from './tab_client.ts'

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
