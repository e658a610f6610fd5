// The fixtures of packaging tests: the tarball, projects that install it, and a watched page.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test as base, expect } from '../harness/test.ts'
import { Consumer, type Running } from './consumer.ts'
import { pack, type Tarball } from './tarball.ts'
import { Watch } from './watch.ts'

interface Fixtures {
  /** Keeps a server of pages running until the browser has closed them. Returns its address. */
  host: (starting: Promise<Running>) => Promise<string>
  /** Collects the problems of the test's pages. The test fails if there are any. */
  watch: Watch
}

interface WorkerFixtures {
  /** A temporary folder outside the repository. */
  workFolder: string
  tarball: Tarball /** The project at a path of the repository, copied and installed once for all tests of a run. */
  install: (path: string) => Promise<Consumer>
  /**
   * The installed project after a script of its package.json has run once for all tests of a run.
   */
  build: (path: string, script: string) => Promise<Consumer>
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  workFolder: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that are needed from this pattern.
    async ({}, use) => {
      const folder = await mkdtemp(join(tmpdir(), 'lamplight-packaging-'))
      await use(folder)
      await rm(folder, { recursive: true, force: true })
    },
    { scope: 'worker' },
  ],
  tarball: [async ({ workFolder }, use) => use(pack(workFolder)), { scope: 'worker' }],
  install: [
    async ({ workFolder, tarball }, use) => {
      const install = once((path: string) => Consumer.install(path, join(workFolder, basename(path)), tarball))
      await use((path) => base.step('install', () => install(path)))
    },
    { scope: 'worker' },
  ],
  build: [
    async ({ install }, use) => {
      const run = once(async (path: string, script: string) => (await install(path)).run(script))
      await use(async (path, script) => {
        const consumer = await install(path)
        await base.step('build', () => run(path, script))
        return consumer
      })
    },
    { scope: 'worker' },
  ],
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that are needed from this pattern.
  host: async ({}, use) => {
    const running: Running[] = []
    await use(async (starting) => {
      const one = await starting
      running.push(one)
      return one.url
    })
    for (const { stop } of running) await stop()
  },
  watch: [
    // Depends on the host, so that pages are closed before their servers.
    async ({ host: _, context }, use) => {
      const watch = new Watch(context)
      await use(watch)
      expect(watch.problems).toEqual([])
    },
    { auto: true },
  ],
})

/** Returns the same promise for the same arguments. */
function once<Args extends string[], Result>(
  act: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  const started = new Map<string, Promise<Result>>()
  return (...args) => {
    const name = args.join(' ')
    const result = started.get(name) ?? act(...args)
    started.set(name, result)
    return result
  }
}

export { expect } from '@playwright/test'
