import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from './load.mjs'

const { KeyReader } = await load('local_storage.ts')
const { numbersIn, producerOf } = await load('block.ts')

test('the numbers of a block are those at the beginning of its lines', () => {
  assert.deepEqual(numbersIn('7 {"name":"8 a"}\n8 {}\n12 {}\n'), [
    [7, 8],
    [12, 12],
  ])
  assert.equal(producerOf('P:1:3:40'), 'P')
  assert.equal(producerOf('P:1:3'), undefined)
})

test('single keys, blocks, the lease and the claim are read from localStorage', () => {
  const values = {
    'll:demo:q:P:1': '{}',
    'll:demo:q:P:2': '{}',
    'll:demo:b:P:1:2:20': '2 {}\n3 {}\n',
    'll:demo:l:x': 'P.1.250',
    'll:demo:l:y': 'P.1.250',
    'll:demo:l:lease': 'P:1:1',
    'll:demo:p:P': '1:4',
    'll:other:q:P:9': '{}',
    cart: '',
  }
  const storage = Object.create({ getItem: (key) => values[key] ?? null })
  Object.assign(storage, values)
  const keys = new KeyReader(storage, 'll:demo').read()
  assert.deepEqual([...keys.singles], [['P', [[1, 2]]]])
  assert.deepEqual([...keys.blocks], [['P', [[2, 3]]]])
  assert.deepEqual(keys.lock, { y: 'P.1.250', lease: 'P:1:1' })
  assert.deepEqual([keys.singleBytes, keys.blockBytes], [30, 28])
})
