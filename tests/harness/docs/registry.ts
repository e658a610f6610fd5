// An npm registry with the packages of a release, packed as they would be published.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packServer } from '../server_packages.ts'

const PACKAGE = fileURLToPath(new URL('../../../npm', import.meta.url))

interface Packed {
  manifest: { name: string; version: string }
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
    http.on('request', (request, response) => {
      const name = decodeURIComponent(request.url ?? '').slice(1)
      const described = packages().get(name)
      const file = packages().get(name.replace(/\.tgz$/, ''))
      if (described)
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify(registry.#description(described)))
      else if (file) response.writeHead(200).end(file.tarball)
      else response.writeHead(404).end('{}')
    })
    return registry
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections()
    await new Promise<void>((resolve) => this.#http.close(() => resolve()))
  }

  #description({ manifest, tarball }: Packed): unknown {
    const { name, version } = manifest
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
    const dist = { tarball: `${this.url}/${name}.tgz`, integrity }
    return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } }
  }
}

let packed: Map<string, Packed> | undefined

/** The packages by name, packed when they are first needed. */
function packages(): Map<string, Packed> {
  packed ??= pack()
  return packed
}

function pack(): Map<string, Packed> {
  const folder = mkdtempSync(join(tmpdir(), 'lamplight-pack-'))
  try {
    const printed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
      cwd: PACKAGE,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [made] = JSON.parse(printed) as { filename: string }[]
    if (!made) throw new Error('npm pack returned no package')
    const { launcher, platform } = packServer(folder)
    const read = (path: string): Packed => {
      const text = execFileSync('tar', ['-xOzf', path, 'package/package.json'], { encoding: 'utf8' })
      return { manifest: JSON.parse(text) as Packed['manifest'], tarball: readFileSync(path) }
    }
    return new Map([join(folder, made.filename), launcher, platform].map(read).map((it) => [it.manifest.name, it]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
