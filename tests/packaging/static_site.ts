// Serves a bundler's output like any web server.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import type { Running } from './consumer.ts'

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
}

/**
 * Serves a folder, and `/some` also from `some.html` and `some/index.html`. `/page?…` is a page
 * with `head` in its head.
 */
export async function serveFolder(folder: string, head = ''): Promise<Running> {
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title></title><link rel="icon" href="data:,">${head}`
  const http = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const content = pathname === '/page' ? Promise.resolve(page) : read(join(folder, normalize(pathname)))
    content.then(
      (body) => response.writeHead(200, { 'content-type': TYPES[extname(pathname)] ?? 'text/html' }).end(body),
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const stop = async (): Promise<void> => {
    http.closeAllConnections()
    await new Promise<void>((resolve) => http.close(() => resolve()))
  }
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, stop }
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch {
    return readFile(`${path}.html`).catch(() => readFile(join(path, 'index.html')))
  }
}
