// An npm registry with one package: the built one, packed as it would be published.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NAME = 'lamplight'
const PACKAGE = fileURLToPath(new URL('../../../npm', import.meta.url))

interface Packed {
  version: string
  tarball: Buffer
}

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
    let packed: Packed | undefined
    http.on('request', (request, response) => {
      packed ??= pack()
      if (request.url === `/${NAME}`)
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify(registry.#description(packed)))
      else if (request.url === `/${NAME}.tgz`) response.writeHead(200).end(packed.tarball)
      else response.writeHead(404).end('{}')
    })
    return registry
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections()
    await new Promise<void>((resolve) => this.#http.close(() => resolve()))
  }

  #description({ version, tarball }: Packed): unknown {
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
    const dist = { tarball: `${this.url}/${NAME}.tgz`, integrity }
    return { name: NAME, 'dist-tags': { latest: version }, versions: { [version]: { name: NAME, version, dist } } }
  }
}

function pack(): Packed {
  const folder = mkdtempSync(join(tmpdir(), 'lamplight-pack-'))
  try {
    const printed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
      cwd: PACKAGE,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [made] = JSON.parse(printed) as { filename: string; version: string }[]
    if (!made) throw new Error('npm pack returned no package')
    return { version: made.version, tarball: readFileSync(join(folder, made.filename)) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
