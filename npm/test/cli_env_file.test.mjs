// Variables are added to environment files, which otherwise stay as they are.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEnv } from 'node:util'
import { valueIn, withVariable } from '../cli/env_file.mjs'

const add = (text, value = 'wk_1') => withVariable(text, 'VITE_LAMPLIGHT_KEY', value, 'Lamplight.')

test('a variable is added at the end, with a comment once', () => {
  const once = add('')
  assert.equal(once, '# Lamplight.\nVITE_LAMPLIGHT_KEY=wk_1\n')
  assert.equal(withVariable(once, 'B', '2', 'Lamplight.'), '# Lamplight.\nVITE_LAMPLIGHT_KEY=wk_1\nB=2\n')
  assert.equal(add('A=1'), 'A=1\n# Lamplight.\nVITE_LAMPLIGHT_KEY=wk_1\n')
  assert.equal(add('A=1\r\n'), 'A=1\r\n# Lamplight.\r\nVITE_LAMPLIGHT_KEY=wk_1\r\n')
})

test('a value that is there stays, however it is written', () => {
  for (const line of [
    'VITE_LAMPLIGHT_KEY=mine',
    'export VITE_LAMPLIGHT_KEY=mine',
    '  VITE_LAMPLIGHT_KEY = "mine"',
    "VITE_LAMPLIGHT_KEY='mine' # ours\r",
    'VITE_LAMPLIGHT_KEY=\nVITE_LAMPLIGHT_KEY=mine',
  ]) {
    const text = `# before\n${line}\nA=1`
    assert.equal(add(text), text)
    assert.equal(valueIn(text, 'VITE_LAMPLIGHT_KEY'), 'mine')
  }
})

test('an empty value is filled in where it is', () => {
  assert.equal(add('A=1\nVITE_LAMPLIGHT_KEY=\nB=2\n'), 'A=1\nVITE_LAMPLIGHT_KEY=wk_1\nB=2\n')
  assert.equal(add('VITE_LAMPLIGHT_KEY=""\r\nB=2'), 'VITE_LAMPLIGHT_KEY=wk_1\r\nB=2')
  assert.equal(add('VITE_LAMPLIGHT_KEY= # the key\n'), 'VITE_LAMPLIGHT_KEY= wk_1 # the key\n')
})

test('neither a comment nor a longer name is taken for the variable', () => {
  for (const line of ['# VITE_LAMPLIGHT_KEY=old', 'MY_VITE_LAMPLIGHT_KEY=a', 'VITE_LAMPLIGHT_KEY_2=b'])
    assert.equal(add(`${line}\n`), `${line}\n# Lamplight.\nVITE_LAMPLIGHT_KEY=wk_1\n`)
})

const PIECES = ['A=1', '# note', '', 'export B="x y"', "C='#'", 'VITE_LAMPLIGHT_KEY=', 'G=ü']
const VALUES = ['wk_1', 'http://127.0.0.1:8787', 'a b', 'a#b', `it's`, 'say "a"', '50%', 'ключ']

test('every other line of a random file stays, and Node reads the value', () => {
  for (let round = 0; round < 2_000; round++) {
    const lines = Array.from({ length: Math.floor(Math.random() * 6) }, () => pick(PIECES))
    const end = pick(['\n', '\r\n'])
    const text = lines.join(end) + pick(['', end])
    const value = pick(VALUES)
    const after = add(text, value)
    const kept = text.split(end).filter((line) => line.trim() !== '' && !line.startsWith('VITE_LAMPLIGHT_KEY'))
    for (const line of kept) assert.ok(after.split(/\r?\n/).includes(line), JSON.stringify({ text, after, line }))
    assert.equal(parseEnv(after)['VITE_LAMPLIGHT_KEY'], value, JSON.stringify({ text, after }))
    assert.equal(valueIn(after, 'VITE_LAMPLIGHT_KEY'), value, JSON.stringify({ text, after }))
    assert.equal(add(after, 'other'), after)
  }
})

test('a dollar sign is escaped, because Vite and Next.js replace names after it', () => {
  const text = add('', 'pa$word')
  assert.match(text, /=pa\\\$word\n/)
  assert.equal(valueIn(text, 'VITE_LAMPLIGHT_KEY'), 'pa$word')
})

function pick(list) {
  return list[Math.floor(Math.random() * list.length)]
}

test('a file with a byte order mark is read from its first line on', () => {
  const text = '\uFEFFVITE_LAMPLIGHT_KEY=mine\r\n'
  assert.equal(valueIn(text, 'VITE_LAMPLIGHT_KEY'), 'mine')
  assert.equal(add(text), text)
  assert.equal(add('\uFEFFVITE_LAMPLIGHT_KEY=\r\nA=1\r\n'), '\uFEFFVITE_LAMPLIGHT_KEY=wk_1\r\nA=1\r\n')
})
