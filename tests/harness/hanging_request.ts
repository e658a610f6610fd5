// An endpoint that never responds, to block a page until it is killed. Each has its own port,
// because browsers limit the connections to one.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bodyOf } from './http.ts'

export class HangingRequest {
  /** A page that posts here in a synchronous request is blocked, and never runs another task. */
  readonly url: string
  /** The body of the first request. */
  readonly body: Promise<string>
  readonly #http: Server

  private constructor(http: Server) {
    this.#http = http
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`
    this.body = new Promise((resolve) => http.on('request', (request) => void bodyOf(request).then(resolve)))
  }

  static async start(): Promise<HangingRequest> {
    const http = createServer()
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    return new HangingRequest(http)
  }

  close(): void {
    this.#http.closeAllConnections()
    this.#http.close()
  }
}
