// The golden files of tests/wire, as far as they can be checked without a page.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { init } from 'lamplight'

const golden = (name) => JSON.parse(readFileSync(new URL(`../../tests/wire/${name}`, import.meta.url), 'utf8'))

test('stats have exactly the drop reasons of the contract', () => {
  const { dropped } = init({ url: 'https://t.example.com', key: 'wk_test' }).stats()
  assert.deepEqual(Object.keys(dropped), golden('reasons.json').drop)
})

test('the declared types have exactly the drop reasons of the contract', () => {
  const types = readFileSync(new URL('../dist/types/results.d.ts', import.meta.url), 'utf8')
  const dropped = types.match(/interface Dropped \{[^}]*reason: ([^;]*);/)?.[1].match(/'\w+'/g)
  assert.deepEqual(
    dropped?.map((code) => code.slice(1, -1)),
    golden('reasons.json').drop,
  )
})
