// Rules of the repository that no compiler checks. A failure names the file and says what to do.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const LINES_MAX = 400
const SOURCE = /\.(rs|ts|mjs|js|css)$/
const TEXT = /\.(rs|ts|tsx|mjs|js|css|html|json|md|toml|sql|sh|yml|yaml)$/
const GENERATED = /(^|\/)(dist|generated|vendor|results)\/|package-lock\.json$|\.lock$/

// Spelled in two halves, so that this file does not find itself.
const MARKERS = new RegExp(
  ['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X\\b', 'HA' + 'CK\\b'].map((word) => `\\b${word}`).join('|'),
)
const LEFT_OUT = new RegExp(['(test|it|describe)\\.(on' + 'ly|sk' + 'ip|fix' + 'me)\\b', '#\\[ig' + 'nore'].join('|'))
/** Tests that need a program or a right that not every machine has. */
const RUN_BY_TORTURE = new RegExp('#\\[ig' + 'nore = "[^"]+: cargo xtask torture runs it"\\]')
const MACHINE_PATH = new RegExp(
  `(^|[\\s'"\`=(:])/(${['ho' + 'me', 'ro' + 'ot', 'wo' + 'rk', 'Us' + 'ers'].join('|')})/`,
)

/** Files that are tracked, or will be. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((path) => path !== '' && !GENERATED.test(path))

const lines = new Map()
for (const path of files.filter((path) => TEXT.test(path))) {
  try {
    lines.set(path, readFileSync(join(root, path), 'utf8').replace(/\n$/, '').split('\n'))
  } catch {
    // Deleted and not yet committed.
  }
}

/** Every `path:line` whose text matches. */
function places(pattern, isMeant = () => true) {
  const found = []
  for (const [path, texts] of lines) {
    if (!isMeant(path)) continue
    for (const [index, text] of texts.entries())
      if (pattern.test(text)) found.push(`${path}:${index + 1}: ${text.trim().slice(0, 80)}`)
  }
  return found
}

test(`no source file is longer than ${LINES_MAX} lines`, () => {
  const long = [...lines].filter(([path, texts]) => SOURCE.test(path) && texts.length > LINES_MAX)
  assert.deepEqual(
    long.map(([path, texts]) => `${path} has ${texts.length}`),
    [],
    'split the file by noun',
  )
})

test('no work is left as a marker in the code', () => {
  assert.deepEqual(places(MARKERS), [], 'do it now, or open an issue')
})

test('no test is left out but those that torture runs, and none runs alone', () => {
  const left = places(LEFT_OUT, (path) => SOURCE.test(path))
  assert.deepEqual(
    left.filter((place) => !RUN_BY_TORTURE.test(place)),
    [],
    'make the test pass, or delete it',
  )
})

test('no file names a place on one machine', () => {
  assert.deepEqual(places(MACHINE_PATH), [], 'use a path relative to the repository, or an environment variable')
})

test('every scenario has a name that is a sentence', () => {
  const short = places(/^\s*test\((['`])(?!.* .* )/, (path) => path.endsWith('.spec.ts'))
  assert.deepEqual(short, [], 'say what holds, not what is called')
})
