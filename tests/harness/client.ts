// A Lamplight client in a page of the site.
import type { BrowserContext, Page } from '@playwright/test'
import type { Lamplight, Options, Stats } from 'lamplight'
import { WRITE_KEY } from './server.ts'
import { Site } from './site.ts'

/** What `track()` gave back for one event. */
export interface Made {
  id: string
  seq: number
  stored: boolean
}

interface Load {
  made: string[]
  acknowledged: string[]
  timer: number
}

declare global {
  interface Window {
    lamplight: Lamplight
    load: Load
  }
}

export class Client {
  readonly page: Page

  private constructor(page: Page) {
    this.page = page
  }

  /** A new page of the site, with a client that sends to `url`. */
  static async open(context: BrowserContext, site: Site, url: string, options: Partial<Options> = {}): Promise<Client> {
    const page = await context.newPage()
    await page.goto(site.origin)
    const client = new Client(page)
    await client.init(url, options)
    return client
  }

  /** Also for a page that has navigated: every page load has its own client. */
  async init(url: string, options: Partial<Options> = {}): Promise<void> {
    await this.page.evaluate(
      async ({ entry, options }) => {
        const { init } = (await import(entry)) as typeof import('lamplight')
        window.lamplight = init(options)
      },
      { entry: Site.entry(), options: { url, key: WRITE_KEY, ...options } },
    )
  }

  async track(name: string, properties: Record<string, unknown> = {}): Promise<Made> {
    const [made] = await this.trackMany(1, name, properties)
    if (!made) throw new Error('track gave nothing back')
    return made
  }

  /** All in one task. */
  trackMany(count: number, name: string, properties: Record<string, unknown> = {}): Promise<Made[]> {
    return this.page.evaluate(
      (order) =>
        Array.from({ length: order.count }, (_, index) => {
          const { id, seq, stored } = window.lamplight.track(order.name, { ...order.properties, index })
          return { id, seq, stored }
        }),
      { count, name, properties },
    )
  }

  /**
   * Tracks and then stands still in a synchronous request to `/meet/<meeting>`, which carries what was made.
   * Never settles by itself: the page is there to be killed.
   */
  trackAndStandStill(count: number, name: string, meeting: string): void {
    this.page
      .evaluate(
        (order) => {
          const made = Array.from({ length: order.count }, (_, index) => {
            const { id, seq, stored } = window.lamplight.track(order.name, { index })
            return { id, seq, stored }
          })
          const request = new XMLHttpRequest()
          request.open('POST', `/meet/${order.meeting}`, false)
          request.send(JSON.stringify(made))
        },
        { count, name, meeting },
      )
      .catch(() => undefined)
  }

  /** A few per task, a few milliseconds apart, so that tabs really run side by side. */
  trackInSteps(count: number, perTask: number, name: string): Promise<Made[]> {
    return this.page.evaluate(
      async (order) => {
        const made: Made[] = []
        while (made.length < order.count) {
          for (let turn = 0; turn < order.perTask && made.length < order.count; turn += 1) {
            const { id, seq, stored } = window.lamplight.track(order.name, { index: made.length })
            made.push({ id, seq, stored })
          }
          await new Promise((resolve) => setTimeout(resolve, 8))
        }
        return made
      },
      { count, perTask, name },
    )
  }

  /** Tracks and navigates in one task, and tells the ids through the name of the window, which outlives the page. */
  async trackAndLeave(count: number, name: string, path: string): Promise<string[]> {
    const arrived = this.page.waitForURL(`**${path}`)
    await this.page.evaluate(
      (order) => {
        setTimeout(() => {
          const ids = Array.from({ length: order.count }, (_, index) => window.lamplight.track(order.name, { index }).id)
          window.name = JSON.stringify(ids)
          location.href = order.path
        })
      },
      { count, name, path },
    )
    await arrived
    return this.page.evaluate(() => JSON.parse(window.name) as string[])
  }

  /** Tracks ten events every 20 ms until told to stop, and notes what the SDK reports as delivered. */
  startLoad(name: string): Promise<void> {
    return this.page.evaluate((order) => {
      const load: Load = { made: [], acknowledged: [], timer: 0 }
      window.load = load
      window.lamplight.on('delivered', (report) => load.acknowledged.push(...report.ids))
      load.timer = window.setInterval(() => {
        for (let turn = 0; turn < 10; turn += 1) load.made.push(window.lamplight.track(order.name, { turn }).id)
      }, 20)
    }, { name })
  }

  /** Ids of which the SDK has said that a 2xx was read. */
  acknowledged(): Promise<string[]> {
    return this.page.evaluate(() => window.load.acknowledged)
  }

  /** Returns the ids of all that was made. */
  stopLoad(): Promise<string[]> {
    return this.page.evaluate(() => {
      clearInterval(window.load.timer)
      return window.load.made
    })
  }

  /** Ends the load and stands still in a synchronous request to `/meet/<meeting>`, which carries all ids. */
  stopLoadAndStandStill(meeting: string): void {
    this.page
      .evaluate((name) => {
        clearInterval(window.load.timer)
        const request = new XMLHttpRequest()
        request.open('POST', `/meet/${name}`, false)
        request.send(JSON.stringify(window.load.made))
      }, meeting)
      .catch(() => undefined)
  }

  /** Ends the load and reloads the page in one task. Returns the ids of all that was made. */
  async stopLoadAndReload(): Promise<string[]> {
    const reloaded = this.page.waitForEvent('load')
    await this.page.evaluate(() => {
      setTimeout(() => {
        clearInterval(window.load.timer)
        window.name = JSON.stringify(window.load.made)
        location.reload()
      })
    })
    await reloaded
    return this.page.evaluate(() => JSON.parse(window.name) as string[])
  }

  stats(): Promise<Stats> {
    return this.page.evaluate(() => window.lamplight.stats())
  }

  /** How many events stand in localStorage, from every tab of the site. */
  waiting(): Promise<number> {
    return this.page.evaluate(() => Object.keys(localStorage).filter((key) => /^ll:[^:]+:q:/.test(key)).length)
  }
}
