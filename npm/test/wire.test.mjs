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
  const types = readFileSync(new URL('../dist/generated/codes.d.ts', import.meta.url), 'utf8')
  const [, reasons] = types.match(/type DropReason = ([^;]*);/) ?? []
  assert.deepEqual(reasons?.match(/\w+/g), golden('reasons.json').drop)
})
