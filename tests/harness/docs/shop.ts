// The web site of the documentation's examples.

import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Sandbox } from './sandbox.ts'
import { bundled, fileName, isScript } from './script.ts'
import type { Story } from './snippet.ts'

const PACKAGE = fileURLToPath(new URL('../../../npm', import.meta.url))
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' }
const BLANK = '<!doctype html><html lang="en"><meta charset="utf-8"><title>A shop</title><p>A shop.'

/**
 * Serves the files of a story, including `/main.html`, and the package at
 * `/node_modules/lamplight/`.
 */
export class Shop {
  readonly url: string
  readonly #http: HttpServer
  readonly #files: Map<string, string>

  private constructor(http: HttpServer, files: Map<string, string>) {
    this.#http = http
    this.#files = files
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    http.on('request', (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response))
  }

  static async open(story: Story, sandbox: Sandbox): Promise<Shop> {
    const files = new Map([['main.html', `${BLANK}<script type="module" src="/main.js"></script>`]])
    for (const snippet of [...story.files, story.main]) {
      const name = fileName(snippet)
      if (isScript(snippet)) files.set(name.replace(/\.tsx?$/, '.js'), await bundled(sandbox, name))
      else if (snippet.language === 'html') files.set(name, sandbox.withLocalAddresses(snippet.text))
    }
    const http = createServer()
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    return new Shop(http, files)
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections()
    await new Promise<void>((resolve) => this.#http.close(() => resolve()))
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = new URL(request.url ?? '/', this.url).pathname.slice(1)
    if (path === 'favicon.ico') {
      response.writeHead(204).end()
      return
    }
    const content = this.#files.get(path) ?? fromPackage(path)
    if (content === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/plain' }).end(content)
  }
}

function fromPackage(path: string): Buffer | undefined {
  // A bundle requests the module next to itself.
  const file = join(
    PACKAGE,
    path === 'lamplight.wasm' ? 'dist/lamplight.wasm' : path.replace(/^node_modules\/lamplight\//, ''),
  )
  return file.startsWith(PACKAGE) && existsSync(file) && extname(file) ? readFileSync(file) : undefined
}
