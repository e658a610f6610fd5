// WebKit, as WebKitGTK's MiniBrowser. It has no headless mode, so it gets a virtual screen. Its
// WebDriver ends the session when one tab's process is killed, so the site controls the pages
// instead.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { end } from '../child.ts'
import { burnCpu, descendants, processOf } from '../processes.ts'
import { webkitPaths } from '../programs.ts'
import type { Remote } from '../remote.ts'
import type { Site } from '../site.ts'
import type { Engine, Tab } from './tab.ts'

/** Matches the command lines of processes that run pages. */
const PAGES = /WebKitWebProcess/

class WebkitTab implements Tab {
  readonly #remote: Remote
  readonly #browserPid: number

  constructor(remote: Remote, browserPid: number) {
    this.#remote = remote
    this.#browserPid = browserPid
  }

  evaluate<Result, Argument>(
    act: (argument: Argument) => Result | Promise<Result>,
    argument: Argument,
  ): Promise<Result> {
    return this.#remote.evaluate(act, argument)
  }

  pid(): Promise<number> {
    return processOf(
      async () => descendants(this.#browserPid, PAGES),
      (ms) => this.evaluate(burnCpu, ms),
    )
  }

  async close(): Promise<void> {
    await this.evaluate(() => void setTimeout(() => window.close()), null)
  }
}

export class Webkit implements Engine {
  readonly #site: Site
  readonly #launcher: Remote
  readonly #browser: ChildProcess
  readonly #screen: ChildProcess
  readonly #home: string

  private constructor(site: Site, launcher: Remote, browser: ChildProcess, screen: ChildProcess, home: string) {
    this.#site = site
    this.#launcher = launcher
    this.#browser = browser
    this.#screen = screen
    this.#home = home
  }

  static async start(site: Site): Promise<Webkit> {
    const paths = webkitPaths()
    const screen = spawn(
      paths.screen,
      ['-displayfd', '3', '-noreset', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'],
      {
        stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      },
    )
    const display = await firstLine(screen.stdio[3] as Readable)
    const home = await mkdtemp(join(tmpdir(), 'lamplight-webkit-'))
    const launcher = site.remote()
    const url = new URL(launcher.path, site.origin)
    // The launcher is of another site than the tabs, so that each tab gets its own process.
    url.hostname = 'localhost'
    const env = {
      ...process.env,
      DISPLAY: `:${display}`,
      HOME: home,
      XDG_DATA_HOME: home,
      XDG_CACHE_HOME: home,
      XDG_CONFIG_HOME: home,
    }
    const browser = spawn(paths.browser, ['--javascript-can-open-windows-automatically=true', url.href], {
      env,
      stdio: 'ignore',
    })
    return new Webkit(site, launcher, browser, screen, home)
  }

  async openTab(path?: string): Promise<Tab> {
    const remote = this.#site.remote(path)
    await this.#launcher.evaluate((url) => void window.open(url, '_blank', 'noopener'), this.#site.origin + remote.path)
    const tab = new WebkitTab(remote, this.#browser.pid ?? 0)
    await tab.evaluate(() => null, null)
    return tab
  }

  /**
   * Waits for each process in this order, because an Xvfb that ends late removes the next one's
   * display.
   */
  async close(): Promise<void> {
    await end(this.#browser, 'SIGTERM')
    await end(this.#screen, 'SIGTERM')
    await rm(this.#home, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Reads to the end of the line, because Xvfb ends if the reader closes between its two writes. */
async function firstLine(stream: Readable): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += String(chunk)
    if (text.includes('\n')) return text.trim()
  }
  throw new Error('Xvfb ended without printing its display')
}
