// Chromium through Playwright.
import { chromium, type Browser, type BrowserContext, type LaunchOptions, type Page } from '@playwright/test'
import { chromiumPath } from '../programs.ts'
import { rendererPid } from '../renderer.ts'
import type { Engine, Tab } from './tab.ts'

/** The browser's own traffic would only disturb. */
const QUIET = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-quic']

export function launchOptions(): LaunchOptions {
  const path = chromiumPath()
  return { ...(path ? { executablePath: path } : {}), chromiumSandbox: process.getuid?.() !== 0, args: QUIET }
}

export class ChromiumTab implements Tab {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  async goto(url: string): Promise<void> {
    await this.page.goto(url)
  }

  evaluate<Result, Argument>(act: (argument: Argument) => Result | Promise<Result>, argument: Argument): Promise<Result> {
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

  private constructor(browser: Browser, context: BrowserContext) {
    this.#browser = browser
    this.#context = context
  }

  static async start(): Promise<Chromium> {
    const browser = await chromium.launch(launchOptions())
    return new Chromium(browser, await browser.newContext())
  }

  /** A page that the context opens has a renderer process of its own. */
  async openTab(): Promise<Tab> {
    return new ChromiumTab(await this.#context.newPage())
  }

  close(): Promise<void> {
    return this.#browser.close()
  }
}
