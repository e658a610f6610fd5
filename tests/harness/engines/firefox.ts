// Firefox, controlled by Puppeteer with WebDriver BiDi.
import { type Browser, launch, type Page } from 'puppeteer-core'
import { burnCpu, descendants, processOf } from '../processes.ts'
import { firefoxPath } from '../programs.ts'
import type { Site } from '../site.ts'
import type { Engine, Tab } from './tab.ts'

/** A content process for each tab, and no process prepared in advance. */
const PROCESSES = {
  'dom.ipc.processCount': 16,
  'dom.ipc.processCount.webIsolated': 16,
  'dom.ipc.processPrelaunch.enabled': false,
}

/** Matches the command lines of processes that run pages. */
const PAGES = / tab$/

class FirefoxTab implements Tab {
  readonly #page: Page
  readonly #browserPid: number

  constructor(page: Page, browserPid: number) {
    this.#page = page
    this.#browserPid = browserPid
  }

  evaluate<Result, Argument>(
    act: (argument: Argument) => Result | Promise<Result>,
    argument: Argument,
  ): Promise<Result> {
    return this.#page.evaluate(act as (argument: unknown) => Result | Promise<Result>, argument)
  }

  pid(): Promise<number> {
    return processOf(
      async () => descendants(this.#browserPid, PAGES),
      (ms) => this.evaluate(burnCpu, ms),
    )
  }

  close(): Promise<void> {
    return this.#page.close()
  }
}

export class Firefox implements Engine {
  readonly #browser: Browser
  readonly #site: Site

  private constructor(browser: Browser, site: Site) {
    this.#browser = browser
    this.#site = site
  }

  static async start(site: Site): Promise<Firefox> {
    const browser = await launch({
      browser: 'firefox',
      executablePath: firefoxPath(),
      headless: true,
      extraPrefsFirefox: PROCESSES,
    })
    return new Firefox(browser, site)
  }

  async openTab(path = '/'): Promise<Tab> {
    const pid = this.#browser.process()?.pid
    if (pid === undefined) throw new Error('Firefox has no process')
    const page = await this.#browser.newPage()
    await page.goto(this.#site.origin + path)
    return new FirefoxTab(page, pid)
  }

  close(): Promise<void> {
    return this.#browser.close()
  }
}
