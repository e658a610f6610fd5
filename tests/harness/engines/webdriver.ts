// A WebDriver session (https://www.w3.org/TR/webdriver2/): as much of it as the scenarios need.

/** A command takes its time while pages are busy. */
const TIMEOUT_MS = 60_000

export class Session {
  readonly #url: string
  /** One command at a time: which window a command means is a state of the session. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(url: string) {
    this.#url = url
  }

  static async start(driver: string, capabilities: Record<string, unknown>): Promise<Session> {
    const body = { capabilities: { alwaysMatch: capabilities } }
    const { sessionId } = (await command('POST', `${driver}/session`, body)) as { sessionId: string }
    return new Session(`${driver}/session/${sessionId}`)
  }

  async newTab(): Promise<string> {
    const { handle } = (await this.#inTurn(() => this.#command('POST', '/window/new', { type: 'tab' }))) as { handle: string }
    return handle
  }

  async goto(tab: string, url: string): Promise<void> {
    await this.#in(tab, () => this.#command('POST', '/url', { url }))
  }

  /** Runs the body of a function, which returns at once. */
  execute(tab: string, script: string, ...args: unknown[]): Promise<unknown> {
    return this.#in(tab, () => this.#command('POST', '/execute/sync', { script, args }))
  }

  async closeTab(tab: string): Promise<void> {
    await this.#in(tab, () => this.#command('DELETE', '/window'))
  }

  async end(): Promise<void> {
    await this.#inTurn(() => this.#command('DELETE', ''))
  }

  #in(tab: string, act: () => Promise<unknown>): Promise<unknown> {
    return this.#inTurn(async () => {
      await this.#command('POST', '/window', { handle: tab })
      return act()
    })
  }

  #inTurn(act: () => Promise<unknown>): Promise<unknown> {
    const turn = this.#last.then(act)
    this.#last = turn.catch(() => undefined)
    return turn
  }

  #command(method: string, path: string, body?: unknown): Promise<unknown> {
    return command(method, this.#url + path, body)
  }
}

async function command(method: string, url: string, body?: unknown): Promise<unknown> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const answer = await fetch(url, { method, ...sent, signal: AbortSignal.timeout(TIMEOUT_MS) })
  const { value } = (await answer.json()) as { value: unknown }
  if (answer.ok) return value
  const { error, message } = value as { error: string; message: string }
  throw new Error(`the browser's driver refused ${method} ${new URL(url).pathname}: ${error}: ${message}`)
}
