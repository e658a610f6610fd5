// Every export is imported by a test, and every declaration has its code.

import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { declared, entriesOf, imported } from './surface.ts'
import { expect, test } from './test.ts'

const TYPES = 'tests/packaging/consumers/types'
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

/** Folders whose imports count, because tests run or compile them. */
const TESTS = ['tests/harness', 'tests/scenarios', 'tests/packaging', 'npm/test', 'examples']

test('code that uses every type compiles with import and require', async ({ install }) => {
  const consumer = await install(TYPES)
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  await test.step('compile', () => consumer.node(tsc, '--project', '.'))
})

for (const resolution of ['node10', 'node16', 'nodenext', 'bundler']) {
  test(`the types accept and reject what they should with ${resolution}`, async ({ install }) => {
    const consumer = await install(TYPES)
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
    await test.step('compile', () => consumer.node(tsc, '--project', `tsconfig.${resolution}.json`))
  })
}

test('every exported symbol is imported by a test', async ({ install }) => {
  const used = new Set<string>()
  for (const path of sources())
    for (const name of imported(path, await readFile(join(REPOSITORY, path), 'utf8'))) used.add(name)
  const found = await entries(install)
  const surfaces = declared(found.map(({ types }) => types))
  for (const { entry, types } of found) {
    const { values = [], types: interfaces = [] } = surfaces.get(types) ?? {}
    // Entries share types, so a use through the main entry counts for all.
    const unused = [...values, ...interfaces].filter(
      (name) => !used.has(`${entry}#${name}`) && !(interfaces.includes(name) && used.has(`lamplight#${name}`)),
    )
    expect(unused, `${entry}: import and use these in ${TYPES} or another test`).toEqual([])
    console.log(`${entry}: ${values.length} values, ${interfaces.length} types, all used by tests`)
  }
})

test('every declared value exists, with import and with require', async ({ install }) => {
  const consumer = await install(TYPES)
  const found = await entries(install)
  const commonJs = (types: string): string => types.replace(/\.d\.ts$/, '.d.cts')
  const surfaces = declared(found.flatMap(({ types }) => [types, commonJs(types)]))
  const list = 'console.log(JSON.stringify(Object.keys(found).sort()))'
  for (const { entry, types } of found) {
    const values = surfaces.get(types)?.values
    const byImport = await consumer.node('--input-type=module', '-e', `import * as found from '${entry}'; ${list}`)
    const byRequire = await consumer.node('--input-type=commonjs', '-e', `const found = require('${entry}'); ${list}`)
    expect(JSON.parse(byImport), `import '${entry}'`).toEqual(values)
    expect(JSON.parse(byRequire), `require('${entry}')`).toEqual(values)
    expect(surfaces.get(commonJs(types))?.values).toEqual(values)
  }
})

async function entries(
  install: (path: string) => Promise<{ folder: string }>,
): Promise<{ entry: string; types: string }[]> {
  const folder = join((await install(TYPES)).folder, 'node_modules/lamplight')
  const { exports } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    exports: Record<string, unknown>
  }
  const found = entriesOf(folder, exports)
  expect(found.length).toBeGreaterThan(1)
  return found
}

/** The files of the tests that are tracked or untracked, but not ignored. */
function sources(): string[] {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...TESTS], {
    cwd: REPOSITORY,
    encoding: 'utf8',
  })
  return list.split('\n').filter((path) => /\.[cm]?[jt]sx?$/.test(path))
}
