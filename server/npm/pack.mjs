// Packs `lamplight-server` and the packages with the built server of each system.
//
//   node server/npm/pack.mjs --into <folder> [--launcher] [<system>=<binary>…]
//
// A system is named as npm names it, such as linux-x64. The version of all packages is that of
// Cargo.toml, and everything else in their manifests is written here.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { binaryIn, PLATFORMS, packageName } from './platforms.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../..')
const LICENCES = ['LICENSE-APACHE', 'LICENSE-MIT']
const LAUNCHER = 'lamplight-server'
const LAUNCHER_FILES = ['lamplight-server.mjs', 'platforms.mjs', 'README.md']

const { values, positionals } = parseArgs({
  options: { into: { type: 'string' }, launcher: { type: 'boolean', default: false } },
  allowPositionals: true,
})
if (!values.into) throw new Error('--into is missing: name the folder for the packed files')
const into = resolve(values.into)
mkdirSync(into, { recursive: true })

const shared = {
  version: versionOf(readFileSync(join(root, 'Cargo.toml'), 'utf8')),
  // Packages of a scope are private otherwise.
  publishConfig: { access: 'public' },
  license: 'MIT OR Apache-2.0',
  repository: {
    type: 'git',
    url: 'git+https://github.com/lamplight-telemetry/lamplight.git',
    directory: 'server/npm',
  },
}

if (values.launcher)
  pack(
    launcher,
    LAUNCHER_FILES.map((name) => [join(here, name), name]),
  )
for (const given of positionals) {
  const [system, binary] = given.split('=')
  const platform = PLATFORMS.find(({ os, cpu }) => `${os}-${cpu}` === system)
  if (!platform || !binary) {
    const known = PLATFORMS.map(({ os, cpu }) => `${os}-${cpu}`).join(', ')
    throw new Error(`invalid argument ${given}: give <system>=<binary>, with one of the systems ${known}`)
  }
  if (!existsSync(binary)) throw new Error(`failed to find the binary ${binary} for ${system}: build it first`)
  pack(() => platformManifest(platform), [[binary, binaryIn(platform)]], binaryIn(platform))
}

/** The manifest of the package that people install. */
function launcher() {
  return {
    name: LAUNCHER,
    ...shared,
    description: 'The Lamplight server: browser telemetry that never loses an event silently',
    keywords: ['telemetry', 'analytics', 'events', 'server', 'self-hosted', 'sqlite'],
    type: 'module',
    engines: { node: '>=20' },
    bin: { [LAUNCHER]: 'lamplight-server.mjs' },
    optionalDependencies: Object.fromEntries(PLATFORMS.map((it) => [packageName(it), shared.version])),
  }
}

/** The manifest of the package with the built server of one system. */
function platformManifest({ os, cpu }) {
  return {
    name: packageName({ os, cpu }),
    ...shared,
    description: `The Lamplight server for ${os}-${cpu}. Install lamplight-server instead`,
    os: [os],
    cpu: [cpu],
    // Yarn would keep it in an archive, from which no program can be started.
    preferUnplugged: true,
  }
}

/**
 * Packs a package with the files `[source, path in the package]`, and prints the path. The one that
 * is a program can be run.
 */
function pack(manifest, files, program) {
  const folder = mkdtempSync(join(tmpdir(), 'lamplight-pack-'))
  try {
    const all = [...files, ...LICENCES.map((name) => [join(root, name), name])]
    for (const [source, path] of all) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      copyFileSync(source, join(folder, path))
    }
    // An archive that the binary came in may have dropped its mode.
    if (program) chmodSync(join(folder, program), 0o755)
    const listed = all.map(([, path]) => path)
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ ...manifest(), files: listed }, null, 2)}\n`)
    // On Windows, npm is a script of the shell. So that no path needs quotes there, none is given.
    const printed = execFileSync('npm', ['pack', '--json'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      shell: process.platform === 'win32',
    })
    const [packed] = JSON.parse(printed)
    copyFileSync(join(folder, packed.filename), join(into, packed.filename))
    console.log(join(into, packed.filename))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The workspace's version in the text of Cargo.toml. */
function versionOf(text) {
  const [, version] = /\[workspace\.package\][^[]*?\nversion = "([^"]+)"/.exec(text) ?? []
  if (!version) throw new Error('failed to find the version in Cargo.toml: [workspace.package] has none')
  return version
}
