// Checks the tarball, also with linters for packages.
import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { PACKAGE } from './tarball.ts'
import { expect, test } from './test.ts'

/** Files that pages load and code does not import. */
const ASSETS = ['lamplight.wasm', 'package.json', 'snippet']

// The entry for workers, in both forms, takes a third.
const BYTES_MAX = 370_000

test('the tarball is small, and has only the build, its command and the licences', async ({ tarball }) => {
  console.log(`the tarball has ${tarball.bytes} bytes in ${tarball.files.length} files`)
  expect(tarball.bytes).toBeLessThan(BYTES_MAX)
  const others = tarball.files.filter(
    (path) => !/^dist\/[\w/]+\.(js|cjs|d\.ts|d\.cts|wasm)$|^cli\/\w+\.mjs$/.test(path),
  )
  expect(others.sort()).toEqual(['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'package.json'])
})

test('every file that a file of the package refers to is in the package', async ({ tarball }) => {
  const named: string[] = []
  for (const path of tarball.files.filter((path) => /\.([cm]?js|d\.c?ts)$/.test(path))) {
    const text = await readFile(join(PACKAGE, path), 'utf8')
    for (const [, address = ''] of text.matchAll(
      /(?:\bfrom|\bimport|\bimport\(|\brequire\(|\bnew URL\()\s*["'](\.{1,2}\/[^"']+)["']/g,
    )) {
      // Declarations refer to code files, which stand for declarations. The code itself is bundled.
      const file = /\.d\.c?ts$/.test(path) ? address.replace(/js$/, 'ts').replace(/\.(c?ts)$/, '.d.$1') : address
      named.push(posix.join(posix.dirname(path), file))
    }
  }
  expect(named).toContain('dist/lamplight.wasm')
  expect(named).toContain('dist/types.d.cts')
  expect(named.filter((path) => !tarball.files.includes(path))).toEqual([])
})

test('publint reports nothing', async ({ tarball }) => {
  const bytes = new Uint8Array(await readFile(tarball.path))
  const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer }, level: 'suggestion', strict: true })
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
})

test('the types match the code for every way of importing it', async ({ tarball }) => {
  const bytes = new Uint8Array(await readFile(tarball.path))
  const analysis = await checkPackage(createPackageFromTarballData(bytes), { excludeEntrypoints: ASSETS })
  if (!analysis.types) throw new Error('the package has no types') // TypeScript's oldest resolution, removed in version 7, has no subpaths. The main entry works with
  // it as well.
  const problems = analysis.problems.filter(
    ({ kind, ...where }) =>
      !(kind === 'NoResolution' && 'resolutionKind' in where && where.resolutionKind === 'node10'),
  )
  expect(problems).toEqual([])
  expect(Object.keys(analysis.entrypoints)).toContain('.')
})
