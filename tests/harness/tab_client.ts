// A Lamplight client in a page of the site, in any browser.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lamplight, Options, Stats } from 'lamplight'
import type { Tab } from './engines/tab.ts'
import type { HangingRequest } from './hanging_request.ts'
import { WRITE_KEY } from './server.ts'
import { Site } from './site.ts'

/** How long a navigation usually takes, how long at most, and how long a call to its page. */
const NAVIGATE_MS = 600
const NAVIGATE_MS_MAX = 30_000
const CALL_MS_MAX = 5_000

/** The result of `track()` for one event. */
export interface Made {
  id: string
  seq: number
  stored: boolean
}

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
    lamplight: Lamplight
    load: Load
  }
}

export class TabClient {
  readonly tab: Tab

  constructor(tab: Tab) {
    this.tab = tab
  }

  /** Starts a client that sends to `url` in a tab with a page of the site. */
  static async open(tab: Tab, url: string, options: Partial<Options> = {}): Promise<TabClient> {
    const client = new TabClient(tab)
    await client.init(url, options)
    return client
  }

  /**
   * Starts a client. Call it again after a navigation, because every page load has its own client.
   */
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
    if (!made) throw new Error('track() returned nothing')
    return made
  }

  /** Tracks all events in one task. */
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
   * Tracks and then blocks the page in a synchronous request, whose body has the results. The page
   * never runs another task.
   */
  trackAndBlock(count: number, name: string, hanging: HangingRequest): Promise<void> {
    return this.#trackAndPost(count, name, hanging, true)
  }

  /** Tracks and posts the results immediately, without blocking the page. */
  trackAndReport(count: number, name: string, hanging: HangingRequest): Promise<void> {
    return this.#trackAndPost(count, name, hanging, false)
  }

  async #trackAndPost(count: number, name: string, hanging: HangingRequest, isBlocking: boolean): Promise<void> {
    await this.tab.evaluate(
      (order) => {
        setTimeout(() => {
          const made = Array.from({ length: order.count }, (_, index) => {
            const { id, seq, stored } = window.lamplight.track(order.name, { index })
            return { id, seq, stored }
          })
          const request = new XMLHttpRequest()
          request.open('POST', order.url, !order.isBlocking)
          request.send(JSON.stringify(made))
        })
      },
      { count, name, url: hanging.url, isBlocking },
    )
  }

  /**
   * Tracks a few events per task, a few milliseconds apart, so that tabs really run in parallel.
   */
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

  /** Tracks ten events every 20 ms until stopped, and records what the SDK reports as delivered. */
  async startLoad(name: string, waitingMax = Number.MAX_SAFE_INTEGER): Promise<void> {
    await this.tab.evaluate(
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
    return this.tab.evaluate(() => window.load.acknowledged, null)
  }

  /** Returns the ids of all events of the load. */
  stopLoad(): Promise<string[]> {
    return this.tab.evaluate(() => {
      clearInterval(window.load.timer)
      return window.load.made
    }, null)
  }

  /**
   * Tracks and leaves the page in the same task, and waits for the next page, which has no client
   * yet. {@link left} returns the ids.
   */
  async trackAndVisit(count: number, name: string, nextPage: string): Promise<void> {
    await this.tab.evaluate(
      (order) => {
        // Later, so that the result of this call still reaches the test.
        setTimeout(() => {
          const ids = JSON.parse(sessionStorage.getItem('left') ?? '[]') as string[]
          for (let index = 0; index < order.count; index += 1)
            ids.push(window.lamplight.track(order.name, { index }).id)
          sessionStorage.setItem('left', JSON.stringify(ids))
          location.search = order.nextPage
        }, 100)
      },
      { count, name, nextPage },
    )
    const end = Date.now() + NAVIGATE_MS_MAX
    for (;;) {
      await sleep(NAVIGATE_MS)
      // A call to a page that ends meanwhile fails, or never returns.
      const search = this.tab.evaluate(() => location.search, null).catch(() => '')
      if ((await Promise.race([search, sleep(CALL_MS_MAX, '')])) === nextPage) return
      if (Date.now() > end) throw new Error(`the page did not become ${nextPage} in ${NAVIGATE_MS_MAX} ms`)
    }
  }

  /** The ids of all events of {@link trackAndVisit} in this tab. */
  left(): Promise<string[]> {
    return this.tab.evaluate(() => JSON.parse(sessionStorage.getItem('left') ?? '[]') as string[], null)
  }

  stats(): Promise<Stats> {
    return this.tab.evaluate(() => window.lamplight.stats(), null)
  }

  /** The number of events in localStorage, from all tabs of the site. */
  waiting(): Promise<number> {
    return this.tab.evaluate(() => Object.keys(localStorage).filter((key) => /^ll:[^:]+:q:/.test(key)).length, null)
  }
}
