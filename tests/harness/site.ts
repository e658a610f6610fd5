// The web site that uses Lamplight: an origin of its own that stays up whatever happens to the server.
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http'
import { readFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGE = process.env['LAMPLIGHT_NPM'] ?? fileURLToPath(new URL('../../npm', import.meta.url))
const BLANK = '<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><link rel="icon" href="data:,"><p>A page.'
const CSP = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' http://127.0.0.1:*; img-src data:"
/** Served at `/without-wasm`. */
const CSP_WITHOUT_WASM = CSP.replace(" 'wasm-unsafe-eval'", '')
const TYPES: Record<string, string> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
}

export class Site {
  readonly origin: string
  readonly #http: HttpServer
  #waiting = new Map<string, (body: string) => void>()

  private constructor(http: HttpServer) {
    this.#http = http
    this.origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    http.on('request', (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response))
  }

  static async start(): Promise<Site> {
    const http = createServer()
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    return new Site(http)
  }

  /** The path of the package's module for browsers, as its `exports` name it. */
  static entry(): string {
    const { exports } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { exports: unknown }
    return normalize(`/lamplight/${resolve((exports as Record<string, unknown>)['.'])}`)
  }

  /**
   * What a page sends to `/meet/<name>` in a synchronous request. The request is never answered, so the page
   * stands still inside it: whoever kills the page now kills it before it could run another task.
   */
  meet(name: string): Promise<string> {
    return new Promise((resolve) => this.#waiting.set(name, resolve))
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections()
    await new Promise<void>((resolve) => this.#http.close(() => resolve()))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', this.origin)
    if (pathname.startsWith('/meet/')) {
      this.#waiting.get(pathname.slice('/meet/'.length))?.(await bodyOf(request))
      return
    }
    if (pathname === '/worker.js') {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(worker())
      return
    }
    if (!pathname.startsWith('/lamplight/')) {
      const policy = pathname === '/without-wasm' ? CSP_WITHOUT_WASM : CSP
      response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': policy }).end(BLANK)
      return
    }
    try {
      const file = await readFile(join(PACKAGE, normalize(pathname.slice('/lamplight'.length))))
      response.writeHead(200, { 'content-type': TYPES[extname(pathname)] ?? 'text/plain' }).end(file)
    } catch {
      response.writeHead(404).end()
    }
  }
}

/** A worker with a client in it: told `{ options, count, name }`, it tracks and answers with what `track()` gave back. */
function worker(): string {
  return `import { init } from '${Site.entry()}'
let lamplight
onmessage = ({ data: { options, count, name } }) => {
  lamplight ??= init(options)
  postMessage(Array.from({ length: count }, (_, at) => lamplight.track(name, { at })))
}`
}

/** The first of the conditions that a browser without a bundler would take. */
function resolve(target: unknown): string {
  if (typeof target === 'string') return target
  const conditions = target as Record<string, unknown>
  const next = conditions['browser'] ?? conditions['import'] ?? conditions['default']
  if (next === undefined) throw new Error(`no entry for browsers in the exports of ${PACKAGE}`)
  return resolve(next)
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}
