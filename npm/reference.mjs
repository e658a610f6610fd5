// Generates the API reference in `docs/api` from the types and their comments: `node
// npm/reference.mjs`. With `--check` it writes nothing, and fails if `docs/api` is out of date.
// Both fail if an exported symbol has no comment.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application } from 'typedoc'

const here = dirname(fileURLToPath(import.meta.url))
const reference = join(here, '../docs/api')

/** The sources of the package's entries, as its `exports` name their types. */
function entries() {
  const { exports } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'))
  const types = Object.values(exports).map(typesOf).filter(Boolean)
  return [...new Set(types)].map((path) => join(here, path.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts')))
}

/** The path of an entry's types, through all its conditions. */
function typesOf(entry) {
  if (typeof entry === 'string') return undefined
  return entry.types ?? Object.values(entry).map(typesOf).find(Boolean)
}

async function write(out) {
  const app = await Application.bootstrapWithPlugins({
    plugin: ['typedoc-plugin-markdown'],
    tsconfig: join(here, 'tsconfig.json'),
    entryPoints: entries(),
    name: 'lamplight',
    readme: 'none',
    // One page per entry, so that a search in the page finds everything.
    router: 'module',
    out,
    cleanOutputDir: true,
    disableSources: true,
    sort: ['source-order'],
    groupOrder: ['Functions', 'Interfaces', 'Type Aliases'],
    hidePageHeader: true,
    hideBreadcrumbs: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeAliasPropertiesFormat: 'table',
    excludeInternal: true,
    treatWarningsAsErrors: true,
    validation: { notExported: true, invalidLink: true, notDocumented: true },
    requiredToBeDocumented: [
      'Module',
      'Interface',
      'TypeAlias',
      'Class',
      'Variable',
      'Function',
      'CallSignature',
      'Method',
    ],
    logLevel: 'Warn',
  })
  const project = await app.convert()
  if (project) app.validate(project)
  if (!project || app.logger.hasErrors() || app.logger.hasWarnings())
    throw new Error('failed to generate the reference: fix the errors and warnings above')
  await app.generateOutputs(project)
}

/** Every file in a folder, with its content. */
function contents(folder) {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile())
  return new Map(
    files
      .map(({ parentPath, path, name }) => [
        join(parentPath ?? path, name).slice(folder.length),
        readFileSync(join(parentPath ?? path, name), 'utf8'),
      ])
      .sort(),
  )
}

if (process.argv.includes('--check')) {
  const fresh = mkdtempSync(join(tmpdir(), 'lamplight-reference-'))
  try {
    await write(fresh)
    const [current, expected] = [contents(reference), contents(fresh)]
    const stale = [...new Set([...current.keys(), ...expected.keys()])].filter(
      (name) => current.get(name) !== expected.get(name),
    )
    if (stale.length)
      throw new Error(`docs/api is out of date (${stale.join(', ')}): run npm run reference --workspace npm`)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
} else {
  await write(reference)
}
