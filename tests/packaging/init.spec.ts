// `npx lamplight init` with the real server: the lines that it prints send the first event.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ADMIN_TOKEN, type Server, WRITE_KEY } from '../harness/server.ts'
import { type Consumer, NEXT_ARGS, VITE_ARGS } from './consumer.ts'
import { run } from './server_folder.ts'
import { serveFolder } from './static_site.ts'
import { expect, test } from './test.ts'

const PAGES = 'tests/packaging/consumers/pages'
const NEXT = 'examples/next'
const TOKEN = { LAMPLIGHT_ADMIN_TOKEN: ADMIN_TOKEN }

/** The lines that were printed for the app. */
function linesIn(printed: string): string {
  const [, block = ''] = /Add this to [^\n]+:\n\n((?: {3}[^\n]+\n)+)/.exec(printed) ?? []
  expect(block, printed).not.toBe('')
  return block.replace(/^ {3}/gm, '')
}

/** Runs the installed command as `npx lamplight init` does. */
function init(consumer: Consumer, server: Server, folder = consumer.folder): Promise<string> {
  const command = join(consumer.folder, 'node_modules/.bin/lamplight')
  return run(command, ['init', '--url', server.url], folder, TOKEN)
}

test('init in a Vite app: the printed lines send the first event', async ({ install, host, page, server }) => {
  const consumer = await install(PAGES)
  const files = { page: join(consumer.folder, 'first.html'), script: join(consumer.folder, 'src/first.js') }
  const variables = join(consumer.folder, '.env.local')
  try {
    const printed = await run('npx', ['--no-install', 'lamplight', 'init', '--url', server.url], consumer.folder, TOKEN)
    expect(printed).toContain('This is Vite.')
    expect(await readFile(variables, 'utf8')).toContain(
      `VITE_LAMPLIGHT_URL=${server.url}\nVITE_LAMPLIGHT_KEY=${WRITE_KEY}\n`,
    )
    await writeFile(files.script, linesIn(printed))
    const head = '<meta charset="utf-8"><title></title><link rel="icon" href="data:,">'
    await writeFile(files.page, `<!doctype html>${head}<script type="module" src="/src/first.js"></script>`)
    const url = await host(consumer.serve('vite:dev', VITE_ARGS))
    await page.goto(`${url}/first.html`)
    await expectHello(server)
    expect(await init(consumer, server)).toContain(`kept     VITE_LAMPLIGHT_KEY=${WRITE_KEY} in .env.local`)
  } finally {
    for (const path of [files.page, files.script, variables]) await rm(path, { force: true })
  }
})

test('init in a Next app: the printed lines send the first event', async ({ install, host, page, server }) => {
  const consumer = await install(NEXT)
  const [own, written] = ['.env', '.env.local'].map((name) => join(consumer.folder, name)) as [string, string]
  const before = await readFile(own, 'utf8')
  const script = join(consumer.folder, 'app/first.tsx')
  try {
    await rm(own)
    const printed = await init(consumer, server)
    expect(printed).toContain('This is Next.js.')
    const home = join(consumer.folder, 'app/first')
    await run('mkdir', ['-p', home], consumer.folder)
    await writeFile(
      join(home, 'page.tsx'),
      `'use client'\n${linesIn(printed)}\nexport default function First() {\n  return <p>here</p>\n}\n`,
    )
    const url = await host(consumer.serve('dev', NEXT_ARGS))
    await page.goto(`${url}/first`)
    await expectHello(server)
  } finally {
    await writeFile(own, before)
    for (const path of [written, script, join(consumer.folder, 'app/first')])
      await rm(path, { force: true, recursive: true })
  }
})

test('init in a folder of HTML files: the printed tag sends the first event', async ({
  install,
  host,
  page,
  server,
  workFolder,
}) => {
  const consumer = await install(PAGES)
  const folder = await mkdtemp(join(workFolder, 'html-'))
  await writeFile(join(folder, 'index.html'), '<!doctype html>')
  const printed = await init(consumer, server, folder)
  expect(printed).toContain('This is plain HTML.')
  const url = await host(serveFolder(folder, linesIn(printed)))
  await page.goto(`${url}/page`)
  await expect.poll(async () => (await server.api.events({ name: 'page' })).length).toBe(1)
})

test('init with a wrong token or a wrong key writes nothing', async ({ install, server, workFolder }) => {
  const consumer = await install(PAGES)
  const folder = await mkdtemp(join(workFolder, 'wrong-'))
  await writeFile(join(folder, 'package.json'), '{"devDependencies":{"vite":"8"}}')
  const command = join(consumer.folder, 'node_modules/.bin/lamplight')
  const fails = (args: string[], token: string): Promise<string> =>
    run(command, ['init', '--url', server.url, ...args], folder, { LAMPLIGHT_ADMIN_TOKEN: token })
  await expect(fails([], 'at_that_nobody_has_made')).rejects.toThrow(/401 token_unknown.*use a token of this server/)
  await expect(fails(['--key', 'wk_that_nobody_has_made'], ADMIN_TOKEN)).rejects.toThrow(
    /write key: the server answers/,
  )
  await expect(readFile(join(folder, '.env.local'))).rejects.toThrow(/ENOENT/)
})

async function expectHello(server: Server): Promise<void> {
  await expect.poll(async () => (await server.api.events({ name: 'hello' })).length).toBe(1)
  const [row] = await server.api.events({ name: 'hello' })
  expect(row?.properties).toEqual({ from: 'my app' })
}
