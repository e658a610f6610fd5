// Writes the package's type declarations into `npm/dist`, in seconds: `node npm/types.mjs`.
// The pages and tests that import `lamplight` are type-checked against them.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

/** Declarations that no exported one refers to. */
const INTERNAL = [
  'address',
  'environment',
  'event_parts',
  'core',
  'debug',
  'debug/console_links',
  'debug/included',
  'debug/nearest',
  'debug/refusals',
  'first',
  'first_page',
  'full',
  'full_functions',
  'module_text',
  'text',
  'client',
  'bound_methods',
  'fetch_warnings',
  'lost',
  'options',
  'stats',
  'context',
  'gate',
  'notes',
  'json',
  'namespace',
  'stranded',
  'denial_copy',
  'tag',
  'auto/clicks',
  'auto/errors',
  'auto/handled',
  'auto/history',
  'auto/listen',
  'auto/pages',
  'auto/texts',
  'auto/thrown',
  'auto/title',
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
  rmSync(join(out, 'without_wasm'), { recursive: true })
  for (const name of readdirSync(out, { recursive: true }).filter((name) => name.endsWith('.d.ts')))
    addForms(join(out, name))
}

/** Makes imports name the package's files, and adds a copy for `require`. */
function addForms(path) {
  const text = readFileSync(path, 'utf8')
  const naming = (extension) => text.replace(/(from |import\()'(\.{1,2}\/[^']*)\.ts'/g, `$1'$2${extension}'`)
  writeFileSync(path, naming('.js'))
  writeFileSync(path.replace(/\.ts$/, '.cts'), naming('.cjs'))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeTypes(join(here, 'dist'))
