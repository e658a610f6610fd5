// Compares the real server with its OpenAPI document: the document is valid, a client can be
// generated from it, and whatever Schemathesis sends, the document describes each answer.
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const keys = {
  LAMPLIGHT_WRITE_KEY: 'wk_api_fuzz_write_key',
  LAMPLIGHT_SECRET_KEY: 'sk_api_fuzz_secret_key_long',
  LAMPLIGHT_ADMIN_TOKEN: 'at_api_fuzz_admin_token_long',
}
const bin = process.env.LAMPLIGHT_BIN
const python = process.env.LAMPLIGHT_PYTHON
if (!bin || !python) throw new Error('set LAMPLIGHT_BIN and LAMPLIGHT_PYTHON, or run: cargo xtask test --only api')
const seconds = Number(process.env.LAMPLIGHT_API_SECONDS ?? 25)

const data = mkdtempSync(path.join(tmpdir(), 'lamplight-api-'))
// Refuses every event for good, so that there are dead letters.
const refusing = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(400).end('no'))
})
await new Promise((resolve) => refusing.listen(0, '127.0.0.1', resolve))
const server = await start()
try {
  await send()
  const document = await (await fetch(`${server.url}/openapi.json`)).json()
  validate(document)
  generateClient()
  await fuzz()
} finally {
  server.child.kill('SIGKILL')
  refusing.close()
  rmSync(data, { recursive: true, force: true })
}

/** Starts a server with two sinks, and resolves with its address. */
async function start() {
  const file = path.join(data, 'lamplight.toml')
  const port = refusing.address().port
  writeFileSync(
    file,
    `[sinks.archive]\nkind = "file"\npath = "${path.join(data, 'archive')}"\n` +
      `[sinks.refusing]\nkind = "webhook"\nurl = "http://127.0.0.1:${port}/"\nsecret = "of the refusing sink"\n`,
    { mode: 0o600 },
  )
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LAMPLIGHT_')))
  const args = ['serve', '--listen', '127.0.0.1:0', '--data', path.join(data, 'data'), '--config', file]
  const child = spawn(bin, args, {
    env: { ...environment, ...keys, LAMPLIGHT_LOG: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
      const found = /listening on (\S+)/.exec(text)
      if (found) resolve(found[1])
    })
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}: ${text}`)))
  })
  return { child, url }
}

/** Sends stored, duplicate and invalid events, and waits until they have ended. */
async function send() {
  const producer = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
  const events = Array.from({ length: 200 }, (_, n) => ({
    id: `order-${n % 190}`,
    name: n % 2 ? 'order_paid' : 'order_sent',
    user: { id: `u${n % 7}` },
    properties: { plan: n % 3 ? 'pro' : 'free', total: n },
  }))
  const numbered = [1, 2, 5].map((seq) => ({ name: 'page', producer, seq }))
  await call('POST', '/v1/events', keys.LAMPLIGHT_WRITE_KEY, [...events, ...numbered, { name: '' }])
  await call('POST', '/v1/logs', keys.LAMPLIGHT_SECRET_KEY, [{ name: 'job', type: 'critical' }])
  for (;;) {
    const totals = await call('GET', '/api/totals', keys.LAMPLIGHT_ADMIN_TOKEN)
    if (totals.queue.depth === 0 && totals.sinks.refusing.waiting === 0) return
    await sleep(50)
  }
}

async function call(method, address, key, body) {
  const response = await fetch(server.url + address, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${method} ${address}: ${await response.text()}`)
  return response.json()
}

/** Checks the document by the specification's own schema. */
function validate(document) {
  writeFileSync(path.join(data, 'openapi.json'), JSON.stringify(document))
  run('the document is valid', python, ['-m', 'openapi_spec_validator', path.join(data, 'openapi.json')])
}

/** Generates types from the document, and compiles a program that uses them. */
function generateClient() {
  const tool = (name) => new URL(`../../node_modules/.bin/${name}`, import.meta.url).pathname
  const folder = path.join(data, 'client')
  mkdirSync(folder)
  run('types are generated', tool('openapi-typescript'), [
    path.join(data, 'openapi.json'),
    '--output',
    path.join(folder, 'api.d.ts'),
    // What a request may leave out stays optional.
    '--default-non-nullable=false',
  ])
  writeFileSync(
    path.join(folder, 'program.ts'),
    `import type { components, operations } from './api'
type Page = operations['listEvents']['responses'][200]['content']['application/json']
type Problem = components['schemas']['Problem']
export function names(page: Page): (string | undefined | null)[] { return page.events.map((event) => event.name) }
export function code(problem: Problem): string { return problem.code }
export const made: operations['createKey']['requestBody']['content']['application/json'] = { kind: 'write', source: 'shop' }
// @ts-expect-error: there is no such kind
export const wrong: typeof made = { kind: 'writer', source: 'shop' }
`,
  )
  run('a client compiles', tool('tsc'), [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    'false',
    path.join(folder, 'program.ts'),
  ])
}

/** Sends what Schemathesis makes of the document. */
async function fuzz() {
  const config = new URL('schemathesis.toml', import.meta.url).pathname
  const args = ['-m', 'schemathesis.cli', '--config-file', config, 'run', `${server.url}/openapi.json`]
  args.push('--max-time', String(seconds), '--checks', 'all', '--no-color', ...process.argv.slice(2))
  run('every answer is one that the document describes', python, args)
  const health = await fetch(`${server.url}/readyz`)
  if (health.status !== 200) throw new Error(`the server is not ready after it: ${await health.text()}`)
}

function run(what, program, args) {
  console.log(`--- ${what}`)
  execFileSync(program, args, { stdio: 'inherit', cwd: data, env: { ...process.env, ...keys } })
}
