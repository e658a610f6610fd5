// What stands before the server on the real internet, and answers in its place when it likes. Counts who asked, and when.
import {
  createServer,
  type Server as HttpServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** What becomes of a request. */
export type Conduct = 'passes' | 'resets' | 'hangs' | Reply

/** An answer that the server never gave. */
export interface Reply {
  status: number
  headers?: Record<string, string>
  body?: string
}

/** One `POST`. */
export interface Post {
  atMs: number
  /** Who sent it: the producers that its batch speaks of. */
  producers: string[]
  events: number
  /** Whether the server got it. */
  passed: boolean
}

/** Any page may read it, as the server's own answers. */
const CORS = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'retry-after' }

export const OVERLOADED: Reply = { status: 503, headers: { 'retry-after': '1' }, body: '{"code":"overloaded"}' }

export class Front {
  readonly url: string
  readonly posts: Post[] = []
  readonly #http: HttpServer
  readonly #server: URL
  #conduct: Conduct = 'passes'
  #hanging: IncomingMessage[] = []

  private constructor(http: HttpServer, serverUrl: string) {
    this.#http = http
    this.#server = new URL(serverUrl)
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    http.on('request', (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response))
  }

  static async start(serverUrl: string): Promise<Front> {
    const http = createServer()
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    return new Front(http, serverUrl)
  }

  /** Requests that hang are cut off when that changes, as by a server that starts anew. */
  set conduct(conduct: Conduct) {
    this.#conduct = conduct
    for (const request of this.#hanging.splice(0)) request.socket.resetAndDestroy()
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections()
    await new Promise<void>((resolve) => this.#http.close(() => resolve()))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const conduct = this.#conduct
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      // The page left before it had said all.
      return
    }
    const body = Buffer.concat(chunks)
    if (request.method === 'POST') this.posts.push({ ...read(body), atMs: Date.now(), passed: conduct === 'passes' })
    if (conduct === 'hangs') this.#hanging.push(request)
    else if (conduct === 'resets') request.socket.resetAndDestroy()
    else if (conduct === 'passes') this.#pass(request, body, response)
    else response.writeHead(conduct.status, { ...CORS, ...conduct.headers }).end(conduct.body ?? '')
  }

  #pass(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const { hostname, port } = this.#server
    const { method, url: path, headers } = request
    const onward = httpRequest({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    // The server is down: so is the connection.
    onward.on('error', () => response.socket?.resetAndDestroy())
    onward.end(body)
  }
}

function read(body: Buffer): { producers: string[]; events: number } {
  try {
    const { producers, events } = JSON.parse(body.toString()) as { producers: object; events: unknown[] }
    return { producers: Object.keys(producers), events: events.length }
  } catch {
    // Compressed, or not a batch.
    return { producers: [], events: 0 }
  }
}
