// The page of error codes names every code of the server, and no other.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, tracked } from '../../site/stage.mjs'

/** A status with its code: `StatusCode::GONE, "removed"`. */
const WITH_STATUS = /StatusCode::[A-Z_]+,\s*"([a-z_]+)"/g
/** A status that was computed before, in the folder of HTTP itself: `status, "removed"`. */
const IN_HTTP = /(?:invalid\(|Problem::new\(status, |=> \(\s*|=> \{\s*\()"([a-z]+(?:_[a-z]+)+)"/g
/** A problem whose code is on no path that the above know. */
const MADE = /Problem::new\(\s*([^,]+),\s*([^,]+),/g

const sources = tracked('server/src/*.rs')
  .filter((path) => !/^server\/src\/(openapi|web\/reference)\//.test(path))
  .map((path) => ({ path, text: productOf(path) }))

/** The text of a file without its tests. */
function productOf(path) {
  return readFileSync(join(root, path), 'utf8').split('#[cfg(test)]')[0]
}

function codesOf({ path, text }) {
  const found = [...text.matchAll(WITH_STATUS)]
  if (path.startsWith('server/src/http/')) found.push(...text.matchAll(IN_HTTP))
  return found.map(([, code]) => code)
}

/** The codes in the server's description of its API. */
const described = [...productOf('server/src/openapi/problems.rs').matchAll(/kind\(\s*\d+,\s*"([a-z_]+)"/g)].map(
  ([, code]) => code,
)
/** Those of the demo and the console, whose pages are not described. */
const ofPages = sources.filter(({ path }) => /^server\/src\/web\/(demo|console)\//.test(path)).flatMap(codesOf)
const known = [...new Set([...described, ...ofPages])].sort()

test('docs/troubleshooting.md explains every error code of the server, and no other', () => {
  const page = readFileSync(join(root, 'docs/troubleshooting.md'), 'utf8')
  const rows = page.split('## Error codes')[1].match(/^\| `[^|]*\|/gm)
  const explained = rows.flatMap((row) => [...row.matchAll(/`([a-z_]+)`/g)].map(([, code]) => code)).sort()
  assert.deepEqual(explained, known, 'add or remove its row')
})

test('every code that the server answers is described', () => {
  const used = [...new Set(sources.flatMap(codesOf))]
  assert.ok(used.length > 50, `${used.length} codes`)
  assert.deepEqual(
    used.filter((code) => !known.includes(code)),
    [],
    'add it to server/src/openapi/problems.rs',
  )
})

/** Codes that a match or a call beside it names with their status. */
function isNamedBefore(path, status, code) {
  if (code === 'T::CODE') return true
  return code === 'code' && (status === 'status' || path === 'server/src/http/request_form.rs')
}

test('every problem of the server has a code that a test can find', () => {
  const hidden = sources.flatMap(({ path, text }) =>
    [...text.matchAll(MADE)]
      .filter(([, status, code]) => !/^"[a-z_]+"$/.test(code.trim()) && !isNamedBefore(path, status, code))
      .map(([made]) => `${path}: ${made.replace(/\s+/g, ' ')}`),
  )
  assert.deepEqual(hidden, [], 'write the code as a text beside its status')
})
