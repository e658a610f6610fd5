// A registry that has one package: the one built here, packed as it would be published.
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packed } from './shell.ts'

const NAME = 'lamplight'

export class Registry {
  readonly url: string
  readonly #http: HttpServer

  private constructor(http: HttpServer) {
    this.#http = http
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  }

  static async start(): Promise<Registry> {
    const http = createServer()
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const registry = new Registry(http)
    let tarball: Buffer | undefined
    http.on('request', (request, response) => {
      tarball ??= pack()
      if (request.url === `/${NAME}`) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(registry.#description(tarball)))
      else if (request.url === `/${NAME}.tgz`) response.writeHead(200).end(tarball)
      else response.writeHead(404).end('{}')
    })
    return registry
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections()
    await new Promise<void>((resolve) => this.#http.close(() => resolve()))
  }

  #description(tarball: Buffer): unknown {
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
    const version = { name: NAME, version: '0.1.0', dist: { tarball: `${this.url}/${NAME}.tgz`, integrity } }
    return { name: NAME, 'dist-tags': { latest: version.version }, versions: { [version.version]: version } }
  }
}

function pack(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'lamplight-pack-'))
  try {
    return readFileSync(packed(folder))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
