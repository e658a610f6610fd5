// Writes the API reference, from the types and their comments, into `docs/api`: `node npm/reference.mjs`.
// With `--check` it writes nothing and fails if what is there is not what would be written.
// An exported symbol without a comment fails both.
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

/** Where an entry's types are, through whatever conditions it has. */
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
    // One page an entry, so that a search in the page finds everything.
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
    throw new Error('the sources above do not say all that the reference needs')
  await app.generateOutputs(project)
}

/** Every file below a folder, with what is in it. */
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
    const [is, wanted] = [contents(reference), contents(fresh)]
    const stale = [...new Set([...is.keys(), ...wanted.keys()])].filter((name) => is.get(name) !== wanted.get(name))
    if (stale.length)
      throw new Error(
        `docs/api is not what the sources say (${stale.join(', ')}): run npm run reference --workspace npm`,
      )
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
} else {
  await write(reference)
}
