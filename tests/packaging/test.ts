// What every packaging test starts with: the packed tarball, projects that have it installed, and a page that is watched.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test as base, expect } from '../harness/test.ts'
import { Consumer, type Running } from './consumer.ts'
import { pack, type Tarball } from './tarball.ts'
import { Watch } from './watch.ts'

interface World {
  /** Keeps what serves pages until the browser has left them. Returns its address. */
  host: (starting: Promise<Running>) => Promise<string>
  /** Gathers what the pages of this test complain about; the test fails if there is anything. */
  watch: Watch
}

interface Workshop {
  /** A folder outside the repository, gone afterwards. */
  ground: string
  tarball: Tarball
  /** The project at that path of the repository, copied and installed; once for all tests of a run. */
  install: (path: string) => Promise<Consumer>
  /** The same, after that script of its package.json has run; once for all tests of a run. */
  build: (path: string, script: string) => Promise<Consumer>
}

export const test = base.extend<World, Workshop>({
  ground: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that are needed from this pattern.
    async ({}, use) => {
      const folder = await mkdtemp(join(tmpdir(), 'lamplight-packaging-'))
      await use(folder)
      await rm(folder, { recursive: true, force: true })
    },
    { scope: 'worker' },
  ],
  tarball: [async ({ ground }, use) => use(pack(ground)), { scope: 'worker' }],
  install: [
    async ({ ground, tarball }, use) => {
      const install = once((path: string) => Consumer.install(path, join(ground, basename(path)), tarball))
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
    // After the host, so that pages are closed before those who serve them.
    async ({ host: _, context }, use) => {
      const watch = new Watch(context)
      await use(watch)
      expect(watch.complaints).toEqual([])
    },
    { auto: true },
  ],
})

/** The same promise for the same arguments. */
function once<Args extends string[], Result>(
  act: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  const begun = new Map<string, Promise<Result>>()
  return (...args) => {
    const name = args.join(' ')
    const result = begun.get(name) ?? act(...args)
    begun.set(name, result)
    return result
  }
}

export { expect } from '@playwright/test'
