// The web site that uses Lamplight. It has its own origin, and stays up when the server is down.

import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HangingRequest } from './hanging_request.ts'
import { Remote } from './remote.ts'

const PACKAGE = process.env['LAMPLIGHT_NPM'] ?? fileURLToPath(new URL('../../npm', import.meta.url))
const BLANK =
  '<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><link rel="icon" href="data:,"><p>A page.'
const CSP =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' http://127.0.0.1:*; frame-src 'self'; img-src data:"
/** The policy of `/without-wasm` and the paths below it. */
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
  #hanging: HangingRequest[] = []
  #remotes: Remote[] = []
  #files = new Map<string, string>()

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

  /** The path of an entry of the package, from its `exports`. */
  static entry(name = '.'): string {
    const { exports } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as { exports: unknown }
    return normalize(`/lamplight/${resolve((exports as Record<string, unknown>)[name])}`)
  }

  /** An endpoint that blocks a page. */
  async hangingRequest(): Promise<HangingRequest> {
    const hanging = await HangingRequest.start()
    this.#hanging.push(hanging)
    return hanging
  }

  /** A page that the site controls, below `below`, with the policy of that path. */
  remote(below = '/remote'): Remote {
    const remote = new Remote(`${below}/${this.#remotes.length}`, BLANK)
    this.#remotes.push(remote)
    return remote
  }

  /** Serves a page or script of a test, without a policy. Returns its address. */
  add(path: string, text: string): string {
    this.#files.set(path, text)
    return this.origin + path
  }

  async close(): Promise<void> {
    for (const hanging of this.#hanging) hanging.close()
    this.#http.closeAllConnections()
    await new Promise<void>((resolve) => this.#http.close(() => resolve()))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', this.origin)
    const policy = pathname.startsWith('/without-wasm') ? CSP_WITHOUT_WASM : CSP
    const remote = this.#remotes.find(({ path }) => pathname === path || pathname.startsWith(`${path}/`))
    if (remote) {
      response.setHeader('content-security-policy', policy)
      await remote.answer(request, response)
      return
    }
    const file = this.#files.get(pathname)
    if (file !== undefined) {
      response.writeHead(200, { 'content-type': `${TYPES[extname(pathname)] ?? 'text/html'}; charset=utf-8` }).end(file)
      return
    }
    // A worker uses the policy of its own script.
    if (pathname === '/worker.js' || pathname === '/worker-without-wasm.js') {
      const header = pathname === '/worker.js' ? {} : { 'content-security-policy': CSP_WITHOUT_WASM }
      response.writeHead(200, { 'content-type': 'text/javascript', ...header }).end(worker())
      return
    }
    if (!pathname.startsWith('/lamplight/')) {
      response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': policy }).end(BLANK)
      return
    }
    try {
      const file = await readFile(join(PACKAGE, normalize(pathname.slice('/lamplight'.length))))
      // A sandboxed frame has an opaque origin, so it needs CORS to load the package.
      const headers = { 'content-type': TYPES[extname(pathname)] ?? 'text/plain', 'access-control-allow-origin': '*' }
      response.writeHead(200, headers).end(file)
    } catch {
      response.writeHead(404).end()
    }
  }
}

/**
 * A worker with a client. On a message `{ options, count, name }` it tracks, and posts the results
 * of `track()`.
 */
function worker(): string {
  return `import { init } from '${Site.entry()}'
let lamplight
onmessage = ({ data: { options, count, name } }) => {
  lamplight ??= init(options)
  postMessage(Array.from({ length: count }, (_, at) => lamplight.track(name, { at })))
}`
}

/** The file for a browser without a bundler. */
function resolve(target: unknown): string {
  if (typeof target === 'string') return target
  const conditions = target as Record<string, unknown>
  const next = conditions['browser'] ?? conditions['import'] ?? conditions['default']
  if (next === undefined) throw new Error(`failed to find an entry for browsers in the exports of ${PACKAGE}`)
  return resolve(next)
}
