// The files of others that the server embeds are those that their list names.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from '../../site/stage.mjs'

const FOLDER = join(root, 'server/src/web/console/vendor')

test('every embedded file of others is the one in its list', () => {
  const rows = readFileSync(join(FOLDER, 'README.md'), 'utf8').matchAll(/^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$/gm)
  const listed = [...rows].map(([, name, hash]) => [name, hash]).sort()
  const there = readdirSync(FOLDER).filter((name) => /\.(js|css)$/.test(name))
  const found = there.map((name) => [
    name,
    createHash('sha256')
      .update(readFileSync(join(FOLDER, name)))
      .digest('hex'),
  ])
  assert.ok(found.length > 0)
  assert.deepEqual(listed, found.sort())
})
