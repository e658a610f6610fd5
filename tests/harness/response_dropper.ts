// A connection between pages and server that can drop the server's responses.
import { type AddressInfo, connect, createServer, type Socket, type Server as TcpServer } from 'node:net'

export type Mode = 'forward' | 'drop'

export class ResponseDropper {
  readonly url: string
  mode: Mode = 'forward'
  dropped = 0
  readonly #tcp: TcpServer
  #sockets = new Set<Socket>()

  private constructor(tcp: TcpServer) {
    this.#tcp = tcp
    this.url = `http://127.0.0.1:${(tcp.address() as AddressInfo).port}`
  }

  static async start(serverUrl: string): Promise<ResponseDropper> {
    const { hostname, port } = new URL(serverUrl)
    const tcp = createServer()
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
    const dropper = new ResponseDropper(tcp)
    tcp.on('connection', (page) => dropper.#join(page, connect(Number(port), hostname)))
    return dropper
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
      if (this.mode === 'forward') {
        page.write(bytes)
        return
      }
      this.dropped += 1
      page.resetAndDestroy()
    })
  }
}
