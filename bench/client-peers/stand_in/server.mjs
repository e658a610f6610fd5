// A server in place of the services that the peers send to. It can be up, answer 503, reset
// connections or be down, and counts what reaches it. With `upstream`, it passes requests on to a
// real server while it is up, and that server's answers back.
import { createServer, request as httpRequest } from 'node:http'
import { answerTo } from './answers.mjs'
import { eventsOf } from './decode.mjs'

/** What the server can do with a request. */
export const MODES = ['up', 'unavailable', 'reset', 'down']

/** Starts a server on loopback that is up, and answers what it receives `answerMs` later. */
export async function startStandIn(upstream, answerMs = 0) {
  const standIn = new StandIn(upstream, answerMs)
  await standIn.listen()
  return standIn
}

class StandIn {
  #upstream
  #answerMs
  #mode = 'up'
  #port = 0
  #sockets = new Set()
  #server
  /** Bytes of connections that are closed. */
  #closedBytes = 0
  /** How often each event arrived in a request that was answered with success. */
  #arrivals = new Map()
  #requests = 0
  #preflights = 0
  /** Paths that no peer should ask for, and bodies that nobody can read. */
  problems = []

  constructor(upstream, answerMs) {
    this.#upstream = upstream
    this.#answerMs = answerMs
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`
  }

  async listen() {
    this.#server = createServer((request, response) => this.#receive(request, response))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => {
        this.#sockets.delete(socket)
        this.#closedBytes += socket.bytesRead
      })
    })
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#port, '127.0.0.1', resolve)
    })
    this.#port = this.#server.address().port
  }

  /** Changes what happens to requests from now on, also on connections that are open. */
  async become(mode) {
    if (!MODES.includes(mode)) throw new Error(`unknown mode ${mode}: it is one of ${MODES.join(', ')}`)
    const before = this.#mode
    this.#mode = mode
    if (mode === 'down') await this.stop()
    else if (before === 'down') await this.listen()
  }

  async stop() {
    if (!this.#server.listening) return
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await closed
  }

  /** What has reached the server so far. */
  counts() {
    let open = 0
    for (const socket of this.#sockets) open += socket.bytesRead
    let copies = 0
    for (const count of this.#arrivals.values()) copies += count
    return {
      requests: this.#requests,
      preflights: this.#preflights,
      wireBytes: this.#closedBytes + open,
      arrived: this.#arrivals.size,
      copies,
    }
  }

  has(number) {
    return this.#arrivals.has(number)
  }

  #receive(request, response) {
    if (this.#mode === 'reset') return request.socket.resetAndDestroy()
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    // The page went away, and with it the request.
    request.on('error', () => undefined)
    request.on('end', () => {
      const answer = () => this.#answer(request, Buffer.concat(chunks), response)
      if (this.#answerMs) setTimeout(answer, this.#answerMs)
      else answer()
    })
  }

  #answer(request, body, response) {
    this.#requests += 1
    for (const [name, value] of Object.entries(corsHeaders(request))) response.setHeader(name, value)
    if (this.#mode !== 'up') return response.writeHead(503).end()
    if (request.method === 'OPTIONS') this.#preflights += 1
    if (this.#upstream) return this.#pass(request, body, response)
    if (request.method === 'OPTIONS') return response.writeHead(204).end()
    const { status, type, body: text, headers } = answerTo(request.url.split('?')[0], request.headers.host)
    if (status === 404) this.problems.push(`${request.method} ${request.url}`)
    else this.#count(request, body)
    response.writeHead(status, { 'content-type': type, ...headers }).end(text)
  }

  #pass(request, body, response) {
    const { host: _, connection: __, ...headers } = request.headers
    const passed = httpRequest(this.#upstream + request.url, { method: request.method, headers }, (answer) => {
      if (request.method === 'POST' && answer.statusCode < 300) this.#count(request, body)
      for (const [name, value] of Object.entries(answer.headers))
        if (!/^(?:connection|keep-alive|transfer-encoding)$/.test(name)) response.setHeader(name, value)
      response.writeHead(answer.statusCode)
      answer.pipe(response)
    })
    passed.on('error', (error) => {
      this.problems.push(`the server behind it: ${error.message}`)
      response.destroy()
    })
    passed.end(body)
  }

  #count(request, body) {
    try {
      for (const number of eventsOf(request.url, request.headers, body))
        this.#arrivals.set(number, (this.#arrivals.get(number) ?? 0) + 1)
    } catch (error) {
      this.problems.push(`${request.method} ${request.url}: ${error.message}`)
    }
  }
}

/** The page has another origin, some peers send cookies, and isolated pages want permission. */
const corsHeaders = ({ headers }) => ({
  'access-control-allow-origin': headers.origin ?? '*',
  'access-control-allow-credentials': 'true',
  'access-control-allow-methods': 'GET, POST, OPTIONS',
  'access-control-allow-headers': headers['access-control-request-headers'] ?? '*',
  'access-control-max-age': '7200',
  'cross-origin-resource-policy': 'cross-origin',
  vary: 'origin',
})
