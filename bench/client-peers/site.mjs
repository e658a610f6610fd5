// The site whose pages are measured: `/<peer>/` loads a bundle of that peer, as its build made it.
import { createServer } from 'node:http'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from '../client/bundle.mjs'

const here = dirname(fileURLToPath(import.meta.url))

const PAGE = '<!doctype html><title>bench</title><script type="module" src="stdin.js"></script>'

/** How long a page takes to answer. Until then, the page before it runs. */
const ANSWER_MS = 50

/** The code of a page that gives scripts of the benchmark the peer's functions. */
const pageCode = (name) => `
import { start } from './pages/${name}.mjs'
import { properties } from './events.mjs'
globalThis.bench = {
  start(url) { this.track = start(url) },
  events: (from, count) => Array.from({ length: count }, (_, index) => properties(from + index)),
  trackAll(events) { for (const event of events) this.track('product_viewed', event) },
}`

/** The code whose size is measured: it starts the peer and tracks an event. */
export const sizedCode = (name) =>
  `import { start } from './pages/${name}.mjs'\nstart('https://t.example.com')('opened', { first: true })`

/** The files that a page fetches for `code`. */
export const bundled = (code) => bundle(code, here)

/**
 * Serves the pages of `peers` on loopback. A page with `isolated` in its query has a clock with a
 * resolution of 5 µs. Returns the origin and a function to stop the site.
 */
export async function serveSite(peers) {
  const bundles = new Map()
  for (const { name } of peers) bundles.set(name, (await bundled(pageCode(name))).files)
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    const [, peer, file] = pathname.split('/')
    const script = bundles.get(peer)?.get(file)
    if (searchParams.has('isolated')) response.setHeader('cross-origin-opener-policy', 'same-origin')
    if (searchParams.has('isolated')) response.setHeader('cross-origin-embedder-policy', 'require-corp')
    if (script) response.setHeader('content-type', 'text/javascript; charset=utf-8').end(script)
    else if (bundles.has(peer) && !file)
      setTimeout(() => response.setHeader('content-type', 'text/html; charset=utf-8').end(PAGE), ANSWER_MS)
    else response.writeHead(404).end()
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = () => {
    server.close()
    server.closeAllConnections()
  }
  return { origin: `http://127.0.0.1:${server.address().port}`, stop }
}
