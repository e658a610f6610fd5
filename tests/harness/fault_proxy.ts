// A proxy between tabs and server, which can fail like servers, proxies and networks on the
// internet. It records every request.
import {
  createServer,
  type Server as HttpServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the proxy does with requests. */
export type Behaviour = 'forward' | 'reset' | 'hang' | Reply

/** A response of the proxy itself. */
export interface Reply {
  status: number
  headers?: Record<string, string>
  body?: string
}

/** One `POST`. */
export interface Post {
  atMs: number
  /** The producers in its batch. */
  producers: string[]
  events: number
  /** The length of its body, as sent. */
  bytes: number
  /** Whether it was forwarded to the server. */
  forwarded: boolean
}

/** Lets any page read the response, like the server's responses. */
const CORS = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'retry-after' }

export const OVERLOADED: Reply = { status: 503, headers: { 'retry-after': '1' }, body: '{"code":"overloaded"}' }

export class FaultProxy {
  readonly url: string
  readonly posts: Post[] = []
  readonly #http: HttpServer
  readonly #server: URL
  #behaviour: Behaviour = 'forward'
  #hanging: IncomingMessage[] = []

  private constructor(http: HttpServer, serverUrl: string) {
    this.#http = http
    this.#server = new URL(serverUrl)
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    http.on('request', (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response))
  }

  static async start(serverUrl: string): Promise<FaultProxy> {
    const http = createServer()
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    return new FaultProxy(http, serverUrl)
  }

  /** A change resets hanging requests, like a server that restarts. */
  set behaviour(behaviour: Behaviour) {
    this.#behaviour = behaviour
    for (const request of this.#hanging.splice(0)) request.socket.resetAndDestroy()
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections()
    await new Promise<void>((resolve) => this.#http.close(() => resolve()))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const behaviour = this.#behaviour
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      // The page closed before it had sent the whole request.
      return
    }
    const body = Buffer.concat(chunks)
    if (request.method === 'POST')
      this.posts.push({
        ...read(body),
        bytes: body.length,
        atMs: Date.now(),
        forwarded: behaviour === 'forward',
      })
    if (behaviour === 'hang') this.#hanging.push(request)
    else if (behaviour === 'reset') request.socket.resetAndDestroy()
    else if (behaviour === 'forward') this.#forward(request, body, response)
    else response.writeHead(behaviour.status, { ...CORS, ...behaviour.headers }).end(behaviour.body ?? '')
  }

  #forward(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const { hostname, port } = this.#server
    const { method, url: path, headers } = request
    const upstream = httpRequest({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    // If the server is down, the connection of the page is reset, too.
    upstream.on('error', () => response.socket?.resetAndDestroy())
    upstream.end(body)
  }
}

function read(body: Buffer): { producers: string[]; events: number } {
  try {
    const { producers, events } = JSON.parse(body.toString()) as { producers: object; events: unknown[] }
    return { producers: Object.keys(producers), events: events.length }
  } catch {
    // The body is compressed or not a batch.
    return { producers: [], events: 0 }
  }
}
