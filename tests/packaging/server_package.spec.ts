// The server, installed from npm packages without a registry.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Api } from '../harness/api.ts'
import { ADMIN_TOKEN, WRITE_KEY } from '../harness/server.ts'
import { packServer, type ServerPackages, SYSTEM } from '../harness/server_packages.ts'
import { run, ServerFolder } from './server_folder.ts'
import { expect, test as packaging } from './test.ts'

const OLD_DATA = fileURLToPath(new URL('data/server_of_store_version_7.tgz', import.meta.url))
const KEYS = { LAMPLIGHT_WRITE_KEY: WRITE_KEY, LAMPLIGHT_ADMIN_TOKEN: ADMIN_TOKEN }

interface WorkerFixtures {
  packages: ServerPackages
  installed: ServerFolder
}

const test = packaging.extend<{ stopped: undefined }, WorkerFixtures>({
  packages: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that are needed from this pattern.
    async ({}, use) => {
      const folder = await mkdtemp(join(tmpdir(), 'lamplight-server-packages-'))
      await use(packServer(folder))
      await rm(folder, { recursive: true, force: true })
    },
    { scope: 'worker' },
  ],
  installed: [
    async ({ packages, tarball, workFolder }, use) => {
      const files = [packages.launcher, packages.platform, tarball.path]
      await use(await ServerFolder.install(join(workFolder, 'server'), files))
    },
    { scope: 'worker' },
  ],
  stopped: [
    async ({ installed }, use) => {
      await use(undefined)
      await installed.stop()
    },
    { auto: true },
  ],
})

/** A new data directory's path. */
function newData(folder: ServerFolder): string {
  return join(folder.folder, `data-${Math.random().toString(36).slice(2)}`)
}

test('npx lamplight-server starts the server, and SIGTERM stops it properly', async ({ installed }) => {
  const started = await installed.start([], {}, 'npx')
  expect(started.printed()).toContain('New keys.')
  expect(existsSync(join(installed.folder, 'lamplight-data/store.db'))).toBe(true)
  started.process.kill('SIGTERM')
  // Until everything that npx started has closed its output.
  expect((await started.ended).printed).toContain('shut down')
  await expect(fetch(started.url)).rejects.toThrow()
})

test('options without a command are those of serve', async ({ installed }) => {
  const data = newData(installed)
  await installed.start(['--data', data])
  expect(existsSync(join(data, 'store.db'))).toBe(true)
  expect(await installed.run(['--help'])).toMatchObject({ code: 0, printed: expect.stringContaining('Run a server:') })
})

test('a stopped server ends its launcher with its own exit code', async ({ installed }) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const started = await installed.start(['serve', '--data', newData(installed)])
    started.process.kill(signal)
    expect(await started.ended).toMatchObject({ code: 0, signal: null })
    expect((await started.ended).printed).toContain('shut down')
  }
})

test('a killed server ends its launcher with the same signal', async ({ installed }) => {
  const started = await installed.start(['serve', '--data', newData(installed)])
  const [child] = (await run('pgrep', ['-P', String(started.process.pid)], installed.folder)).trim().split('\n')
  process.kill(Number(child), 'SIGKILL')
  expect(await started.ended).toMatchObject({ code: null, signal: 'SIGKILL' })
})

test('arguments, output and exit codes are those of the server', async ({ installed, packages }) => {
  expect(await installed.run(['--version'])).toMatchObject({ code: 0, printed: `lamplight ${packages.version}\n` })
  const wrong = await installed.run(['serve', '--nonsense'])
  expect(wrong).toMatchObject({ code: 2 })
  expect(wrong.printed).toContain("unexpected argument '--nonsense'")
  const failed = await installed.run(['serve', '--data', '/dev/null/no folder'])
  expect(failed).toMatchObject({ code: 1 })
  expect(failed.printed).toContain('/dev/null/no folder')
})

test('without the package of this system, the launcher says what to do', async ({ installed }) => {
  const scope = join(installed.folder, 'node_modules/@lamplight')
  await rename(scope, `${scope}-away`)
  try {
    const { code, printed } = await installed.run([])
    expect(code).toBe(1)
    expect(printed).toContain(`@lamplight/server-${SYSTEM} is not installed`)
    expect(printed).toContain('npm install --include=optional lamplight-server')
  } finally {
    await rename(`${scope}-away`, scope)
  }
})

test('on a system without a built server, the launcher names the other ways', async ({ installed }) => {
  const other = "data:text/javascript,Object.defineProperty(process,'platform',{value:'sunos'})"
  const { code, printed } = await installed.run([], { NODE_OPTIONS: `--import=${other}` })
  expect(code).toBe(1)
  expect(printed).toContain(`no built server for sunos-${process.arch}, only for linux-x64, `)
  expect(printed).toContain('docs/install.md')
})

test('the packages run no scripts, and npm selects one by system', async ({ packages, workFolder }) => {
  const files = [packages.launcher, packages.platform]
  for (const file of files) {
    const folder = join(workFolder, `${basename(file)}-files`)
    await mkdir(folder)
    await run('tar', ['-xzf', file, '-C', folder], workFolder)
    const text = await run('cat', [join(folder, 'package/package.json')], workFolder)
    const manifest = JSON.parse(text) as Record<string, unknown>
    expect(manifest).toMatchObject({ version: packages.version, license: 'MIT OR Apache-2.0' })
    expect(manifest['scripts']).toBeUndefined()
    expect(manifest['dependencies']).toBeUndefined()
    if (file === packages.platform) {
      expect(manifest).toMatchObject({ os: [process.platform], cpu: [process.arch] })
      continue
    }
    const optional = manifest['optionalDependencies'] as Record<string, string>
    expect(optional[`@lamplight/server-${SYSTEM}`]).toBe(packages.version)
    expect(new Set(Object.values(optional))).toEqual(new Set([packages.version]))
  }
})

test('the data of an earlier version is opened, and new events are added to it', async ({ installed }) => {
  const data = newData(installed)
  await mkdir(data)
  await run('tar', ['-xzf', OLD_DATA, '--strip-components=1', '-C', data], installed.folder)
  const started = await installed.start(['serve', '--data', data], KEYS)
  const api = new Api(started.url, ADMIN_TOKEN)
  const names = async (): Promise<string[]> => (await api.events()).map(({ name }) => name).sort()
  expect(await names()).toEqual(['before_the_upgrade', 'before_the_upgrade'])
  const again = '[{"name":"before_the_upgrade","id":"one"},{"name":"after_the_upgrade","id":"three"}]'
  const answer = await api.post(again, { 'content-type': 'application/json' }, `?key=${WRITE_KEY}`)
  expect(answer.status).toBe(200)
  await expect.poll(names).toEqual(['after_the_upgrade', 'before_the_upgrade', 'before_the_upgrade'])
  expect(await api.totals()).toMatchObject({ stored: 3, duplicates: 1, lost: 0 })
})
