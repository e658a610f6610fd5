// Writes the package's type declarations into `npm/dist`, without the module: `node npm/types.mjs`.
// The pages and tests that import `lamplight` are type-checked against these, so they can be had in seconds.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

/** What only the build knows; nothing that is exported refers to it. */
const INTERNAL = [
  'load',
  'handle',
  'glue',
  'unpack',
  'more',
  'whole',
  'translated',
  'stand_in',
  'client',
  'context',
  'gate',
  'notes',
  'json',
  'namespace',
  'tag',
  'auto/clicks',
  'auto/errors',
  'auto/listen',
  'auto/pages',
]

/** Writes the declarations into the directory `out`. */
export function writeTypes(out) {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const flags = ['--declaration', '--emitDeclarationOnly', '--outDir', out]
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(here, 'tsconfig.json'), ...flags], {
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error('failed to write the types')
  for (const name of INTERNAL) rmSync(join(out, `${name}.d.ts`))
  for (const name of readdirSync(out, { recursive: true }).filter((name) => name.endsWith('.d.ts')))
    addTwin(join(out, name))
}

/** Each declaration names its neighbours by what lies in the package, and has a twin for `require`. */
function addTwin(path) {
  const text = readFileSync(path, 'utf8')
  const naming = (extension) => text.replace(/(from |import\()'(\.{1,2}\/[^']*)\.ts'/g, `$1'$2${extension}'`)
  writeFileSync(path, naming('.js'))
  writeFileSync(path.replace(/\.ts$/, '.cts'), naming('.cjs'))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeTypes(join(here, 'dist'))
