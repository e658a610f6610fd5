// The server, installed from npm packages without a registry.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Api } from '../harness/api.ts'
import { ADMIN_TOKEN, WRITE_KEY } from '../harness/server.ts'
import { packPlatform, packServer, type ServerPackages, SYSTEM } from '../harness/server_packages.ts'
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

/** Windows has no signals: there, ending a process from outside never asks it. */
const HAS_SIGNALS = process.platform !== 'win32'

if (HAS_SIGNALS) {
  test('npx lamplight-server starts the server, and SIGTERM stops it properly', async ({ installed }) => {
    const started = await installed.start([], {}, 'npx')
    expect(started.printed()).toContain('New keys.')
    expect(existsSync(join(installed.folder, 'lamplight-data/store.db'))).toBe(true)
    started.process.kill('SIGTERM')
    // Until everything that npx started has closed its output.
    expect((await started.ended).printed).toContain('shut down')
    await expect(fetch(started.url)).rejects.toThrow()
  })
}

test('options without a command are those of serve', async ({ installed }) => {
  const data = newData(installed)
  await installed.start(['--data', data])
  expect(existsSync(join(data, 'store.db'))).toBe(true)
  expect(await installed.run(['--help'])).toMatchObject({ code: 0, printed: expect.stringContaining('Run a server:') })
})

if (HAS_SIGNALS) {
  test('a stopped server ends its launcher with its own exit code', async ({ installed }) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const started = await installed.start(['serve', '--data', newData(installed)])
      started.process.kill(signal)
      expect(await started.ended).toMatchObject({ code: 0, signal: null })
      expect((await started.ended).printed).toContain('shut down')
    }
  })
}

if (HAS_SIGNALS) {
  test('a killed server ends its launcher with the same signal', async ({ installed }) => {
    const started = await installed.start(['serve', '--data', newData(installed)])
    const [child] = (await run('pgrep', ['-P', String(started.process.pid)], installed.folder)).trim().split('\n')
    process.kill(Number(child), 'SIGKILL')
    expect(await started.ended).toMatchObject({ code: null, signal: 'SIGKILL' })
  })
}

test('arguments, output and exit codes are those of the server', async ({ installed, packages }) => {
  expect(await installed.run(['--version'])).toMatchObject({ code: 0, printed: `lamplight ${packages.version}\n` })
  const wrong = await installed.run(['serve', '--nonsense'])
  expect(wrong).toMatchObject({ code: 2 })
  expect(wrong.printed).toContain("unexpected argument '--nonsense'")
  const noFolder = join(installed.folder, 'package.json', 'no folder')
  const failed = await installed.run(['serve', '--data', noFolder])
  expect(failed).toMatchObject({ code: 1 })
  expect(failed.printed).toContain(noFolder)
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
    const text = await readFile(join(folder, 'package/package.json'), 'utf8')
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

test('the package for Windows has the program under its name there', async ({ packages, workFolder }) => {
  const folder = join(workFolder, 'win32')
  await mkdir(folder)
  const program = join(folder, 'built.exe')
  await writeFile(program, 'MZ')
  const file = packPlatform(folder, 'win32-x64', program)
  expect(basename(file)).toBe(`lamplight-server-win32-x64-${packages.version}.tgz`)
  await run('tar', ['-xzf', file, '-C', folder], workFolder)
  const manifest = JSON.parse(await readFile(join(folder, 'package/package.json'), 'utf8')) as Record<string, unknown>
  expect(manifest).toMatchObject({ name: '@lamplight/server-win32-x64', os: ['win32'], cpu: ['x64'] })
  expect(await readFile(join(folder, 'package/bin/lamplight.exe'), 'utf8')).toBe('MZ')
  expect(await readdir(join(folder, 'package/bin'))).toEqual(['lamplight.exe'])
})

// The other systems pretend to be it: only there is a script a program.
if (HAS_SIGNALS) {
  test('on Windows, the launcher starts the program there and passes on no signal', async ({
    packages,
    workFolder,
  }) => {
    const folder = join(workFolder, 'launcher')
    await mkdir(folder)
    await run('tar', ['-xzf', packages.launcher, '-C', folder], workFolder)
    const program = join(folder, 'package/node_modules/@lamplight/server-win32-x64/bin/lamplight.exe')
    await mkdir(dirname(program), { recursive: true })
    // It ends by itself a second after a Ctrl-C that reached only the launcher.
    await writeFile(program, '#!/bin/sh\necho "runs $*"\nsleep 2\necho done\nexit 7\n', { mode: 0o755 })
    const windows =
      "data:text/javascript,Object.defineProperties(process,{platform:{value:'win32'},arch:{value:'x64'}})"
    const launcher = join(folder, 'package/lamplight-server.mjs')
    const child = spawn(process.execPath, [`--import=${windows}`, launcher, '--version'])
    let printed = ''
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
      if (printed.endsWith('runs --version\n')) for (const signal of ['SIGINT', 'SIGHUP'] as const) child.kill(signal)
    })
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect({ code, printed }).toEqual({ code: 7, printed: 'runs --version\ndone\n' })
  })
}

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
