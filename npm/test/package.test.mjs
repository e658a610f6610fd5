// The content of the published package, and its types.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const folder = dirname(dirname(fileURLToPath(import.meta.url)))

test('the package has only entries, types, the module, its command and the licences', () => {
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  )
  const command = ['env_file', 'environment_files', 'frameworks', 'git_ignore', 'init', 'lamplight', 'lamplight_server']
  const entries = ['index', 'slim', 'worker', 'auto', 'react', 'vue', 'svelte']
  const declarations = [
    'index',
    'entries/slim',
    'entries/worker',
    'auto',
    'auto/vitals',
    'react',
    'vue',
    'svelte',
    'snippet',
    'types',
    'types/results',
    'generated/codes',
    'generated/reports',
  ]
  assert.deepEqual(
    packed.files.map((file) => file.path).sort(),
    [
      'LICENSE-APACHE',
      'LICENSE-MIT',
      'README.md',
      'package.json',
      ...[...command, 'problem', 'project', 'token'].map((name) => `cli/${name}.mjs`),
      'dist/lamplight.wasm',
      'dist/snippet.js',
      'dist/translated.js',
      'dist/full.js',
      'dist/debug.js',
      ...entries.flatMap((name) => [`dist/${name}.js`, `dist/${name}.cjs`]),
      ...declarations.flatMap((name) => [`dist/${name}.d.ts`, `dist/${name}.d.cts`]),
    ].sort(),
  )
})

test('the entry for workers loads nothing later, which service workers forbid', () => {
  for (const name of ['worker.js', 'worker.cjs'])
    assert.doesNotMatch(readFileSync(join(folder, 'dist', name), 'utf8'), /import\(|importScripts/)
})

test('the types accept valid calls and reject invalid ones', () => {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', 'test/types'], { cwd: folder, stdio: 'inherit' })
})
