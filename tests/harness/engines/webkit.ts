// WebKit, as WebKitGTK's MiniBrowser under its WebDriver, on a screen of its own: it has no headless mode.
import { spawn, type ChildProcess } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { end } from '../child.ts'
import { burn, burner, descendants } from '../processes.ts'
import { webkitPaths } from '../programs.ts'
import type { Engine, Tab } from './tab.ts'
import { Session } from './webdriver.ts'

const START_MS_MAX = 20_000
const POLL_MS = 20

/** Starts a function and leaves its outcome in the page, so that the session is free while the function runs. */
const begin = (act: unknown): string => `
  const [name, argument] = arguments
  const outcome = { done: false }
  window[name] = outcome
  Promise.resolve()
    .then(() => (${String(act)})(argument))
    .then((value) => Object.assign(outcome, { done: true, value }), (error) => Object.assign(outcome, { done: true, error: String(error) }))
`
const LOOK = 'const outcome = window[arguments[0]]; if (outcome.done) delete window[arguments[0]]; return JSON.stringify(outcome)'

interface Outcome<Result> {
  done: boolean
  value: Result
  error?: string
}

class WebkitTab implements Tab {
  readonly #session: Session
  readonly #handle: string
  readonly #driverPid: number
  #calls = 0

  constructor(session: Session, handle: string, driverPid: number) {
    this.#session = session
    this.#handle = handle
    this.#driverPid = driverPid
  }

  goto(url: string): Promise<void> {
    return this.#session.goto(this.#handle, url)
  }

  async evaluate<Result, Argument>(act: (argument: Argument) => Result | Promise<Result>, argument: Argument): Promise<Result> {
    const name = `outcome-${(this.#calls += 1)}`
    await this.#session.execute(this.#handle, begin(act), name, argument)
    for (;;) {
      const outcome = JSON.parse(String(await this.#session.execute(this.#handle, LOOK, name))) as Outcome<Result>
      if (outcome.error !== undefined) throw new Error(outcome.error)
      if (outcome.done) return outcome.value
      await sleep(POLL_MS)
    }
  }

  pid(): Promise<number> {
    return burner(async () => descendants(this.#driverPid), (ms) => this.evaluate(burn, ms))
  }


  close(): Promise<void> {
    return this.#session.closeTab(this.#handle)
  }
}

export class Webkit implements Engine {
  readonly #session: Session
  readonly #driver: ChildProcess
  readonly #screen: ChildProcess

  private constructor(session: Session, driver: ChildProcess, screen: ChildProcess) {
    this.#session = session
    this.#driver = driver
    this.#screen = screen
  }

  static async start(): Promise<Webkit> {
    const paths = webkitPaths()
    const screen = spawn(paths.screen, ['-displayfd', '3', '-noreset', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    })
    const display = await firstLine(screen.stdio[3] as Readable)
    const port = await freePort()
    const driver = spawn(paths.driver, [`--port=${port}`], { env: { ...process.env, DISPLAY: `:${display}` }, stdio: 'ignore' })
    try {
      await listening(port)
      const options = { binary: paths.browser, args: ['--automation'] }
      const session = await Session.start(`http://127.0.0.1:${port}`, { 'webkitgtk:browserOptions': options })
      return new Webkit(session, driver, screen)
    } catch (error) {
      await stop(driver, screen)
      throw error
    }
  }

  async openTab(): Promise<Tab> {
    return new WebkitTab(this.#session, await this.#session.newTab(), this.#driver.pid ?? 0)
  }

  async close(): Promise<void> {
    await this.#session.end().catch(() => undefined)
    await stop(this.#driver, this.#screen)
  }
}

/** In this order, and to the end: a screen that is still going takes the name of the next one with it. */
async function stop(driver: ChildProcess, screen: ChildProcess): Promise<void> {
  await end(driver, 'SIGTERM')
  await end(screen, 'SIGTERM')
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

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

async function listening(port: number): Promise<void> {
  const end = Date.now() + START_MS_MAX
  for (;;) {
    try {
      await fetch(`http://127.0.0.1:${port}/status`)
      return
    } catch (error) {
      if (Date.now() > end) throw new Error('WebKitWebDriver does not answer', { cause: error })
      await sleep(50)
    }
  }
}
