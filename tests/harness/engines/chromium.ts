// Chromium, controlled by Playwright.
import { type Browser, type BrowserContext, chromium, type LaunchOptions, type Page } from '@playwright/test'
import { chromiumPath } from '../programs.ts'
import { rendererPid } from '../renderer.ts'
import type { Site } from '../site.ts'
import type { Engine, Tab } from './tab.ts'

/** Disables the browser's own network traffic. */
const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
]

export function launchOptions(): LaunchOptions {
  const path = chromiumPath()
  return { ...(path ? { executablePath: path } : {}), chromiumSandbox: process.getuid?.() !== 0, args: QUIET }
}

export class ChromiumTab implements Tab {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  evaluate<Result, Argument>(
    act: (argument: Argument) => Result | Promise<Result>,
    argument: Argument,
  ): Promise<Result> {
    return this.page.evaluate(act as (argument: unknown) => Result | Promise<Result>, argument)
  }

  pid(): Promise<number> {
    return rendererPid(this.page)
  }

  close(): Promise<void> {
    return this.page.close()
  }
}

export class Chromium implements Engine {
  readonly #browser: Browser
  readonly #context: BrowserContext
  readonly #site: Site

  private constructor(browser: Browser, context: BrowserContext, site: Site) {
    this.#browser = browser
    this.#context = context
    this.#site = site
  }

  static async start(site: Site): Promise<Chromium> {
    const browser = await chromium.launch(launchOptions())
    return new Chromium(browser, await browser.newContext(), site)
  }

  async openTab(path = '/'): Promise<Tab> {
    const page = await this.#context.newPage()
    await page.goto(this.#site.origin + path)
    return new ChromiumTab(page)
  }

  close(): Promise<void> {
    return this.#browser.close()
  }
}
