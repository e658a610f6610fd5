// What would be published, and that its types say what they should.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const folder = dirname(dirname(fileURLToPath(import.meta.url)))

test('the package holds the entries, their types, the module and the papers, and nothing else', () => {
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  assert.deepEqual(packed.files.map((file) => file.path).sort(), [
    'LICENSE-APACHE', 'LICENSE-MIT', 'README.md',
    'dist/auto.d.ts', 'dist/auto.js', 'dist/auto/vitals.d.ts', 'dist/entries/slim.d.ts', 'dist/index.d.ts', 'dist/index.js',
    'dist/lamplight.wasm', 'dist/react.d.ts', 'dist/react.js', 'dist/slim.js', 'dist/snippet.d.ts', 'dist/snippet.js',
    'dist/svelte.d.ts', 'dist/svelte.js', 'dist/types.d.ts', 'dist/vue.d.ts', 'dist/vue.js',
    'package.json',
  ])
})

test('the types take what they should and refuse what they should', () => {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', 'test/types'], { cwd: folder, stdio: 'inherit' })
})
