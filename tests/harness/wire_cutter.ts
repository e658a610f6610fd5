// A stretch of network between the pages and the server, which can lose answers after the server has acted on them.
import { type AddressInfo, connect, createServer, type Socket, type Server as TcpServer } from 'node:net'

export type Wire = 'whole' | 'loses_answers'

export class WireCutter {
  readonly url: string
  wire: Wire = 'whole'
  answersLost = 0
  readonly #tcp: TcpServer
  #sockets = new Set<Socket>()

  private constructor(tcp: TcpServer) {
    this.#tcp = tcp
    this.url = `http://127.0.0.1:${(tcp.address() as AddressInfo).port}`
  }

  static async start(serverUrl: string): Promise<WireCutter> {
    const { hostname, port } = new URL(serverUrl)
    const tcp = createServer()
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
    const cutter = new WireCutter(tcp)
    tcp.on('connection', (page) => cutter.#join(page, connect(Number(port), hostname)))
    return cutter
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#tcp.close(() => resolve()))
  }

  #join(page: Socket, server: Socket): void {
    for (const socket of [page, server]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        page.destroy()
        server.destroy()
      })
    }
    page.pipe(server)
    server.on('data', (bytes) => {
      if (this.wire === 'whole') {
        page.write(bytes)
        return
      }
      this.answersLost += 1
      page.resetAndDestroy()
    })
  }
}
