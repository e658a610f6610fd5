// Serves the built site to this machine, as any web server for files would.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
}

/** Serves `folder` below `base`. Port 0 picks a free port. Returns the first page's address. */
export async function serve(folder, base, port) {
  const server = createServer((request, response) => {
    const file = fileOf(folder, base, request.url ?? '/')
    if (file === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': TYPES[extname(file.path)] ?? 'text/plain' }).end(file.content)
  })
  await new Promise((done, fail) => server.once('error', fail).listen(port, '127.0.0.1', done))
  return `http://127.0.0.1:${server.address().port}${base}`
}

function fileOf(folder, base, url) {
  const { pathname } = new URL(url, 'http://localhost')
  if (!pathname.startsWith(base)) return undefined
  const name = normalize(decodeURIComponent(pathname.slice(base.length)))
  if (name.startsWith('..')) return undefined
  for (const path of [name, join(name, 'index.html'), `${name}.html`].map((one) => join(folder, one))) {
    try {
      return { path, content: readFileSync(path) }
    } catch {
      // A folder, or no file: the next form of the address.
    }
  }
  return undefined
}
