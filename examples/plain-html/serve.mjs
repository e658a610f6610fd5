// Serves this page and the built package, and starts a Lamplight server. It needs only Node.
//
//   node examples/plain-html/serve.mjs
//
// LAMPLIGHT_URL and LAMPLIGHT_WRITE_KEY select a running server, LAMPLIGHT_BIN another binary, and
// PORT the port of the page.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const packageDist = join(here, '../../npm/dist')
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' }
const key = process.env.LAMPLIGHT_WRITE_KEY ?? 'wk_plain_html_example'
const token = process.env.LAMPLIGHT_ADMIN_TOKEN ?? `at_${randomBytes(16).toString('hex')}`

const url = process.env.LAMPLIGHT_URL ?? (await startLamplight())

createServer(async (request, response) => {
  const path = normalize(new URL(request.url, 'http://localhost').pathname)
  if (path === '/config.json') {
    response.writeHead(200, { 'content-type': types['.json'] }).end(JSON.stringify({ url, key }))
    return
  }
  const file = path.startsWith('/lamplight/')
    ? join(packageDist, path.slice('/lamplight'.length))
    : join(here, path === '/' ? 'index.html' : path)
  const content = await readFile(file).catch(() => undefined)
  if (content === undefined) response.writeHead(404).end()
  else response.writeHead(200, { 'content-type': types[extname(file)] ?? 'text/plain' }).end(content)
}).listen(Number(process.env.PORT ?? 5180), '127.0.0.1', function () {
  console.log(`Open http://127.0.0.1:${this.address().port}/`)
  console.log(`See what arrived: curl -H 'Authorization: Bearer ${token}' ${url}/api/events`)
})

/** Starts a server with its data in this folder. It ends with this process. */
async function startLamplight() {
  const binary = process.env.LAMPLIGHT_BIN ?? join(here, '../../target/release/lamplight')
  if (!existsSync(binary)) {
    console.error(
      'failed to find the server: build it with cargo xtask build, or set LAMPLIGHT_BIN, or LAMPLIGHT_URL and LAMPLIGHT_WRITE_KEY',
    )
    process.exit(1)
  }
  const data = process.env.LAMPLIGHT_DATA ?? join(here, 'lamplight-data')
  const env = { ...process.env, LAMPLIGHT_WRITE_KEY: key, LAMPLIGHT_ADMIN_TOKEN: token }
  // It is no setting of the server.
  delete env.LAMPLIGHT_BIN
  const listen = process.env.LAMPLIGHT_LISTEN ?? '127.0.0.1:8787'
  const server = spawn(binary, ['serve', '--listen', listen, '--data', data], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.kill(signal))
  process.on('exit', () => server.kill())
  server.on('exit', (code) => process.exit(code ?? 0))
  return new Promise((resolve) => {
    server.stdout.on('data', (text) => {
      const found = /listening on (http:\/\/\S+)/.exec(text)
      if (found) resolve(found[1])
    })
  })
}
