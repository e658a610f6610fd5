// Where a page stands still to be killed. A port for each: browsers open few connections to one.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bodyOf } from './http.ts'

export class Meeting {
  /** A page that posts here in a synchronous request gets no answer, so not one more task of it ever runs. */
  readonly url: string
  /** What it posts. */
  readonly words: Promise<string>
  readonly #http: Server

  private constructor(http: Server) {
    this.#http = http
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`
    this.words = new Promise((resolve) => http.on('request', (request) => void bodyOf(request).then(resolve)))
  }

  static async start(): Promise<Meeting> {
    const http = createServer()
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    return new Meeting(http)
  }

  close(): void {
    this.#http.closeAllConnections()
    this.#http.close()
  }
}
