// WebKit, as WebKitGTK's MiniBrowser, on a screen of its own: it has no headless mode. Its WebDriver ends the whole session
// when one tab's process is killed, so the pages are steered by the site instead.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { end } from '../child.ts'
import { burn, descendants, runner } from '../processes.ts'
import { webkitPaths } from '../programs.ts'
import type { Remote } from '../remote.ts'
import type { Site } from '../site.ts'
import type { Engine, Tab } from './tab.ts'

/** The command lines of processes that run pages. */
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
    return runner(
      async () => descendants(this.#browserPid, PAGES),
      (ms) => this.evaluate(burn, ms),
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
    // Another site than that of the tabs: a page that opens one of another site gets it a process of its own.
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

  /** In this order, and to the end: a screen that is still going takes the name of the next one with it. */
  async close(): Promise<void> {
    await end(this.#browser, 'SIGTERM')
    await end(this.#screen, 'SIGTERM')
    await rm(this.#home, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Up to the end of the line: Xvfb does not survive a reader that leaves between its two writes. */
async function firstLine(stream: Readable): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += String(chunk)
    if (text.includes('\n')) return text.trim()
  }
  throw new Error('Xvfb ended without a screen')
}
