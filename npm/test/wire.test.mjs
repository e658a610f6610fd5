// The golden files of tests/wire, as far as they can be told without a page. The limits are held against the
// running module in tests/scenarios/limits.spec.ts.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { init } from 'lamplight'

const golden = (name) => JSON.parse(readFileSync(new URL(`../../tests/wire/${name}`, import.meta.url), 'utf8'))

test('stats count every drop reason of the contract, and no other', () => {
  const { dropped } = init({ url: 'https://t.example.com', key: 'wk_test' }).stats()
  assert.deepEqual(Object.keys(dropped), golden('reasons.json').drop)
})

test('the declared types name every drop reason of the contract', () => {
  const types = readFileSync(new URL('../dist/types.d.ts', import.meta.url), 'utf8')
  const dropped = types.match(/interface Dropped \{[^}]*reason: ([^;]*);/)?.[1].match(/'\w+'/g)
  assert.deepEqual(
    dropped?.map((code) => code.slice(1, -1)),
    golden('reasons.json').drop,
  )
})
