// SECURITY.md names a test for each promise, and a promise for each thing that nobody can do.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, tracked } from '../../site/stage.mjs'

const text = readFileSync(join(root, 'SECURITY.md'), 'utf8')

/** The cells of each row of the table below a heading, without its two first rows. */
function rowsBelow(heading) {
  const section = text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  const rows = section.split('\n').filter((line) => line.startsWith('|'))
  return rows.slice(2).map((row) => row.split('|').slice(1, -1))
}

const promises = rowsBelow('Promises').map(([id, promise, tests]) => ({
  id: id.trim(),
  promise: promise.trim(),
  tests: [...tests.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
}))

/** The names of all tests: functions below `#[test]` in Rust, and the first arguments of `test`. */
const names = new Set(
  [...tracked('*.rs'), ...tracked('*.spec.ts')].flatMap((path) => {
    const source = readFileSync(join(root, path), 'utf8')
    const found = path.endsWith('.rs')
      ? source.matchAll(/#\[(?:tokio::)?test[^\]]*\](?:\s*#\[[^\]]*\])*\s*(?:async )?fn (\w+)/g)
      : source.matchAll(/^test\('([^']+)'/gm)
    return [...found].map(([, name]) => name)
  }),
)

test('every promise of SECURITY.md has tests, and each of them exists', () => {
  assert.ok(promises.length > 20, 'the table of promises is found')
  assert.deepEqual(
    promises.filter(({ tests }) => tests.length === 0).map(({ id }) => id),
    [],
    'write a test for the promise, and name it',
  )
  const missing = promises.flatMap(({ id, tests }) =>
    tests.filter((name) => !names.has(name)).map((name) => `${id}: ${name}`),
  )
  assert.deepEqual(missing, [], 'no test has this name')
})

test('every actor of SECURITY.md is bounded by promises, and every promise bounds one', () => {
  const actors = rowsBelow('Who may attack, and what they can do')
  const cited = actors.map(([who, , cannot]) => ({ who: who.trim(), ids: cannot.match(/P\d+/g) ?? [] }))
  assert.deepEqual(
    cited.filter(({ ids }) => ids.length === 0).map(({ who }) => who),
    [],
    'name the promises that bound it',
  )
  const all = new Set(cited.flatMap(({ ids }) => ids))
  assert.deepEqual([...all].sort(), promises.map(({ id }) => id).sort(), 'the numbers of both tables differ')
})
