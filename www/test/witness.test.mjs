import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from './load.mjs'

const { Witness } = await load('witness.ts')
const { Hammer } = await load('hammer.ts')

test('an announcement counts the call before it as returned, and the last as under way', () => {
  const witness = new Witness()
  witness.making('a', 7)
  assert.deepEqual(witness.made(), { certain: 6, unreturned: 1 })
  witness.count('a', { made: 7, returned: 7 })
  assert.deepEqual(witness.made(), { certain: 7, unreturned: 0 })
})

test('counts only grow, so a late message and an old record change nothing', () => {
  const witness = new Witness()
  witness.count('a', { made: 10, returned: 10 })
  const old = new Witness()
  old.count('a', { made: 4, returned: 4 })
  old.count('b', { made: 2, returned: 2 })
  witness.merge(old.record())
  witness.making('a', 3)
  assert.deepEqual(witness.made(), { certain: 12, unreturned: 0 })
})

test('the server knowing a higher number than was heard makes the count larger, never smaller', () => {
  const witness = new Witness()
  witness.count('a', { made: 10, returned: 10 })
  witness.tab('a').producer = 'P'
  witness.learnHighestSeq('P', 12)
  witness.learnHighestSeq('P', 8)
  assert.equal(witness.made().certain, 12)
})

test('counting anew leaves out what was made before, and keeps the numbers of the tabs', () => {
  const witness = new Witness()
  witness.count('a', { made: 10, returned: 10 })
  witness.startAnew()
  witness.count('a', { made: 13, returned: 13 })
  assert.equal(witness.made().certain, 3)
  assert.equal(witness.tab('a').number, 1)
  assert.equal(witness.tab('b').number, 2)
})

test('a hammer keeps its rate however late it is asked, but never makes up for a long sleep', () => {
  const hammer = new Hammer()
  assert.equal(hammer.due(0, 500), 0)
  assert.equal(hammer.due(50, 500), 25)
  assert.equal(hammer.due(53, 500), 1)
  assert.equal(hammer.due(54, 500), 1)
  assert.equal(hammer.due(954, 500), 450)
  assert.equal(hammer.due(60_000, 500), 0)
})
