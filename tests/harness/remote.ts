// A page that the site controls: it fetches functions to run and posts their results. For browsers
// whose automation ends when a tab is killed.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { bodyOf } from './http.ts'

interface Call {
  script: string
  settle: (outcome: Outcome) => void
}

interface Outcome {
  value?: unknown
  error?: string
}

export class Remote {
  /** The page's path, which is the prefix of all its requests. */
  readonly path: string
  readonly #page: string
  #calls: Call[] = []
  #asked = 0

  constructor(path: string, page: string) {
    this.path = path
    this.#page = page
  }

  /** Runs `act` in the page. The argument and the result are passed as JSON. */
  async evaluate<Result, Argument>(
    act: (argument: Argument) => Result | Promise<Result>,
    argument: Argument,
  ): Promise<Result> {
    const script = `export default () => (${String(act)})(${JSON.stringify(argument)})`
    const outcome = await new Promise<Outcome>((settle) => this.#calls.push({ script, settle }))
    if (outcome.error !== undefined) throw new Error(outcome.error)
    return outcome.value as Result
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A test may lead the page on to its own address with another query.
    const what = (request.url ?? '').slice(this.path.length).replace(/^\?.*/, '')
    if (what === '')
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end(`${this.#page}<script type="module" src="${this.path}/driver"></script>`)
    else if (what === '/driver')
      response
        .writeHead(200, { 'content-type': 'text/javascript' })
        .end(`(${String(drive)})(${JSON.stringify(this.path)})`)
    else if (what === '/next') response.end(this.#asked < this.#calls.length ? String(this.#asked++) : '')
    else {
      const call = this.#calls[Number(what.slice(1))]
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'text/javascript' }).end(call?.script)
      } else {
        call?.settle(JSON.parse(await bodyOf(request)) as Outcome)
        response.end()
      }
    }
  }
}

/** Runs in the page. */
function drive(path: string): void {
  const run = async (number: string): Promise<void> => {
    let outcome: object
    try {
      const { default: act } = (await import(`${path}/${number}`)) as { default: () => unknown }
      outcome = { value: await act() }
    } catch (error) {
      outcome = { error: String(error) }
    }
    await fetch(`${path}/${number}`, { method: 'POST', body: JSON.stringify(outcome) })
  }
  const ask = async (): Promise<void> => {
    const number = await (await fetch(`${path}/next`)).text()
    if (number !== '') void run(number)
    setTimeout(() => void ask(), 50)
  }
  void ask()
}
