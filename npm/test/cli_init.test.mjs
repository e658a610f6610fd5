// `npx lamplight init` in folders of each kind, with a server that answers as the real one does.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readText } from '../cli/environment_files.mjs'
import { lookCommand } from '../cli/init.mjs'

const BIN = fileURLToPath(new URL('../cli/lamplight.mjs', import.meta.url))
const TOKEN = 'at_right'
let http
let url
let requests = []
/** The keys that the server lists. */
let keys = []

before(async () => {
  http = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    const answer = (status, body) => response.writeHead(status).end(JSON.stringify(body))
    const { pathname, searchParams } = new URL(request.url, 'http://server')
    if (pathname === '/v1/events') {
      if (!searchParams.get('key').startsWith('wk_'))
        return answer(401, { code: 'key_unknown', detail: 'unknown or deleted key' })
      return answer(200, { status: 'validated' })
    }
    if (request.headers.authorization !== `Bearer ${TOKEN}`)
      return answer(401, { code: 'token_unknown', detail: 'unknown or deleted token: use a token of this server' })
    if (request.method === 'GET') return answer(200, { keys })
    return answer(201, { key: 'wk_created' })
  })
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${http.address().port}`
})

after(() => http.close())

/** Runs the command in a folder with these files, and returns what it did. */
async function init({ files = {}, args = [], env = { LAMPLIGHT_ADMIN_TOKEN: TOKEN }, address = url }) {
  const folder = mkdtempSync(join(tmpdir(), 'lamplight-init-'))
  for (const [name, text] of Object.entries(files)) {
    if (name.endsWith('/')) mkdirSync(join(folder, name))
    else writeFileSync(join(folder, name), typeof text === 'string' ? text : JSON.stringify(text))
  }
  requests = []
  const { PATH } = process.env
  const ended = await new Promise((resolve) => {
    const options = { cwd: folder, env: { PATH, ...(address ? { LAMPLIGHT_URL: address } : {}), ...env } }
    const child = execFile(process.execPath, [BIN, 'init', ...args], options, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    )
    child.stdin.end()
  })
  const read = Object.fromEntries(
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => [name, readFileSync(join(folder, name), 'utf8')]),
  )
  rmSync(folder, { recursive: true })
  assert.ok(!existsSync(folder))
  return { ...ended, files: read }
}

const uses = (name, more = {}) => ({ 'package.json': { dependencies: { [name]: '1' } }, ...more })

for (const [name, prefix, expression] of [
  ['vite', 'VITE_', 'import.meta.env.VITE_LAMPLIGHT_URL'],
  ['next', 'NEXT_PUBLIC_', 'process.env.NEXT_PUBLIC_LAMPLIGHT_URL'],
  ['@sveltejs/kit', 'PUBLIC_', "{ PUBLIC_LAMPLIGHT_URL, PUBLIC_LAMPLIGHT_KEY } from '$env/static/public'"],
  ['astro', 'PUBLIC_', 'import.meta.env.PUBLIC_LAMPLIGHT_URL'],
  ['react-scripts', 'REACT_APP_', 'process.env.REACT_APP_LAMPLIGHT_URL'],
]) {
  test(`an app with ${name} gets its environment file and its lines`, async () => {
    const { code, stdout, stderr, files } = await init({ files: uses(name) })
    assert.equal(code, 0, stderr)
    assert.match(files['.env.local'], new RegExp(`^#.*\\n${prefix}LAMPLIGHT_URL=${url}\\n${prefix}LAMPLIGHT_KEY=wk_`))
    assert.ok(stdout.includes(expression), stdout)
    assert.match(stdout, /npm install lamplight\n/)
    assert.match(stdout, new RegExp(`${url}/api/events`))
  })
}

test('a framework that contains Vite is found before Vite', async () => {
  const manifest = { 'package.json': { devDependencies: { vite: '8', '@sveltejs/kit': '2' } } }
  const { stdout } = await init({ files: manifest })
  assert.match(stdout, /This is SvelteKit/)
})

test('other packages get the values themselves, and no environment file', async () => {
  for (const name of ['nuxt', 'webpack']) {
    const { stdout, files } = await init({ files: uses(name) })
    assert.match(stdout, new RegExp(`init\\(\\{ url: '${url}', key: 'wk_created' \\}\\)`))
    assert.deepEqual(Object.keys(files), ['package.json'])
  }
})

test('a folder with an HTML file gets the script tag', async () => {
  const { stdout, files } = await init({ files: { 'index.html': '<h1>hi' } })
  assert.ok(stdout.includes(`<script async src="${url}/lamplight.js" data-key="wk_created" data-auto></script>`))
  assert.doesNotMatch(stdout, /npm install/)
  assert.deepEqual(Object.keys(files), ['index.html'])
})

test('values in environment files stay, and the key that is there is checked', async () => {
  const env = `# ours\nVITE_LAMPLIGHT_URL=${url}\nVITE_LAMPLIGHT_KEY=wk_mine\n`
  const more = { '.env': env }
  const { code, stdout, files } = await init({ files: uses('vite', more), args: ['--key', 'wk_other'], address: '' })
  assert.equal(code, 0)
  assert.equal(files['.env'], env)
  assert.equal(files['.env.local'], undefined)
  assert.match(stdout, /kept +VITE_LAMPLIGHT_KEY=wk_mine in .env, and not wk_other/)
  assert.deepEqual(requests, ['POST /v1/events?key=wk_mine&validate=1'])
})

test('running it twice changes nothing', async () => {
  const first = await init({ files: uses('vite', { '.gitignore': 'dist' }) })
  const { stdout, files } = await init({ files: first.files })
  assert.deepEqual(files, first.files)
  assert.match(stdout, /kept +VITE_LAMPLIGHT_URL/)
})

test('the data of a local server is kept out of Git', async () => {
  const { files } = await init({ files: uses('vite', { '.gitignore': 'node_modules\ndist' }) })
  assert.equal(files['.gitignore'], 'node_modules\ndist\nlamplight-data/\n')
  const { files: created } = await init({ files: uses('vite', { '.git/': '' }) })
  assert.equal(created['.gitignore'], 'lamplight-data/\n')
  const { files: none } = await init({ files: uses('vite') })
  assert.equal(none['.gitignore'], undefined)
})

test('files with the line ends of Windows keep them', async () => {
  const more = { '.env.local': 'A=1\r\n', '.gitignore': 'dist\r\n' }
  const { files } = await init({ files: uses('vite', more) })
  assert.match(files['.env.local'], /^A=1\r\n#.*\r\nVITE_LAMPLIGHT_URL=.*\r\nVITE_LAMPLIGHT_KEY=wk_created\r\n$/)
  assert.equal(files['.gitignore'], 'dist\r\nlamplight-data/\r\n')
})

test('a file in UTF-16, as an older PowerShell writes it, is named and left as it is', async () => {
  for (const name of ['.env.local', '.gitignore']) {
    const folder = mkdtempSync(join(tmpdir(), 'lamplight-init-'))
    const bytes = Buffer.from('\uFEFFA=1\r\n', 'utf16le')
    writeFileSync(join(folder, name), bytes)
    assert.throws(() => readText(join(folder, name)), /in UTF-16, or no text. Save it as UTF-8 first/)
    assert.deepEqual(readFileSync(join(folder, name)), bytes)
    rmSync(folder, { recursive: true })
  }
})

test('the command to look for events is one of the shell of the system', () => {
  const look = (platform) => lookCommand('http://127.0.0.1:8787', platform)
  assert.match(look('linux'), /^curl -H "authorization: Bearer \$LAMPLIGHT_ADMIN_TOKEN" "http:/)
  assert.match(look('win32'), /^curl\.exe -H "authorization: Bearer \$env:LAMPLIGHT_ADMIN_TOKEN" "http:/)
})

test('a key of the server is used again, if every page may use it', async () => {
  const key = (more) => ({ kind: 'write', source: 'web', key: 'wk_there', origins: [], disabled: null, ...more })
  const used = async (list, ...args) => {
    keys = list
    const { files } = await init({ files: uses('vite'), args })
    return /KEY=(.*)/.exec(files['.env.local'])[1]
  }
  assert.equal(await used([key()]), 'wk_there')
  assert.equal(await used([key()], '--source', 'shop'), 'wk_created')
  assert.equal(await used([key({ source: 'shop' })], '--source', 'shop'), 'wk_there')
  assert.equal(await used([key({ disabled: 1 })]), 'wk_created')
  assert.equal(await used([key({ origins: ['https://a.example'] })]), 'wk_created')
  assert.equal(await used([key({ kind: 'secret', key: undefined })]), 'wk_created')
  keys = []
})

for (const [what, given, code, text] of [
  ['a server that is not there', { address: 'http://127.0.0.1:49151' }, 1, /ECONNREFUSED.*npx lamplight-server/],
  [
    'a wrong token',
    { env: { LAMPLIGHT_ADMIN_TOKEN: 'at_wrong' } },
    1,
    /list the keys: .* 401 token_unknown: .*use a token of this server/,
  ],
  ['no token', { env: {} }, 2, /LAMPLIGHT_ADMIN_TOKEN.*--token-file.*--key/],
  ['a wrong key', { args: ['--key', 'sk_no'] }, 1, /write key: .* 401 key_unknown: unknown or deleted key/],
  ['a missing token file', { args: ['--token-file', 'nowhere'] }, 1, /nowhere: ENOENT/],
  ['an empty folder', { files: {} }, 1, /neither a package\.json nor an HTML file/],
  ['a broken package.json', { files: { 'package.json': '{' } }, 1, /package\.json: .*Fix the file/],
  ['an unknown framework', { args: ['--framework', 'vue2'] }, 2, /unknown framework "vue2": give one of next, /],
  ['an invalid address', { args: ['--url', 'localhost'], address: '' }, 2, /invalid address "localhost"/],
  ['an unknown option', { args: ['--keys', 'x'] }, 2, /--keys/],
  ['an unexpected argument', { args: ['app'] }, 2, /unexpected argument "app"/],
]) {
  test(`${what} is an error that says what to do, and nothing is written`, async () => {
    const files = given.files ?? uses('vite', { '.gitignore': '' })
    const ended = await init({ files, ...given })
    assert.equal(ended.code, code, ended.stderr)
    assert.match(ended.stderr, text)
    assert.equal(ended.stdout, '')
    assert.deepEqual(Object.keys(ended.files).sort(), Object.keys(files).sort())
  })
}
