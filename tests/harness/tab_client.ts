// A Lamplight client in a page of the site, in any browser.
import type { Lamplight, Options, Stats } from 'lamplight'
import type { Tab } from './engines/tab.ts'
import type { Meeting } from './meeting.ts'
import { WRITE_KEY } from './server.ts'
import { Site } from './site.ts'

/** What `track()` gave back for one event. */
export interface Made {
  id: string
  seq: number
  stored: boolean
}

declare global {
  interface Window {
    lamplight: Lamplight
  }
}

export class TabClient {
  readonly tab: Tab

  constructor(tab: Tab) {
    this.tab = tab
  }

  /** A client in a tab that shows a page of the site, which sends to `url`. */
  static async open(tab: Tab, url: string, options: Partial<Options> = {}): Promise<TabClient> {
    const client = new TabClient(tab)
    await client.init(url, options)
    return client
  }

  /** Also for a page that has navigated: every page load has its own client. */
  async init(url: string, options: Partial<Options> = {}): Promise<void> {
    await this.tab.evaluate(
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
    return this.tab.evaluate(
      (order) =>
        Array.from({ length: order.count }, (_, index) => {
          const { id, seq, stored } = window.lamplight.track(order.name, { ...order.properties, index })
          return { id, seq, stored }
        }),
      { count, name, properties },
    )
  }

  /**
   * Tracks and then stands still in a synchronous request to the meeting, which carries what was made.
   * The page never moves again: it is there to be killed.
   */
  trackAndStandStill(count: number, name: string, meeting: Meeting): Promise<void> {
    return this.#trackAndMeet(count, name, meeting, true)
  }

  /** Tracks and tells the meeting at once what was made, while the page goes on. */
  trackAndTell(count: number, name: string, meeting: Meeting): Promise<void> {
    return this.#trackAndMeet(count, name, meeting, false)
  }

  async #trackAndMeet(count: number, name: string, meeting: Meeting, standsStill: boolean): Promise<void> {
    await this.tab.evaluate(
      (order) => {
        setTimeout(() => {
          const made = Array.from({ length: order.count }, (_, index) => {
            const { id, seq, stored } = window.lamplight.track(order.name, { index })
            return { id, seq, stored }
          })
          const request = new XMLHttpRequest()
          request.open('POST', order.url, !order.standsStill)
          request.send(JSON.stringify(made))
        })
      },
      { count, name, url: meeting.url, standsStill },
    )
  }

  /** A few per task, a few milliseconds apart, so that tabs really run side by side. */
  trackInSteps(count: number, perTask: number, name: string): Promise<Made[]> {
    return this.tab.evaluate(
      async (order) => {
        const made: { id: string; seq: number; stored: boolean }[] = []
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

  stats(): Promise<Stats> {
    return this.tab.evaluate(() => window.lamplight.stats(), null)
  }

  /** How many events stand in localStorage, from every tab of the site. */
  waiting(): Promise<number> {
    return this.tab.evaluate(() => Object.keys(localStorage).filter((key) => /^ll:[^:]+:q:/.test(key)).length, null)
  }
}
