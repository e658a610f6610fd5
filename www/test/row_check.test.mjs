import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from './load.mjs'

const { RowCheck } = await load('row_check.ts')

const row = (producer, received) => ({ producer, received })

test('a second row of an event is a duplicate once it was counted twice', async () => {
  const check = new RowCheck()
  const rows = [row('P', 10), row('Q', 5)]
  const counts = async (producer) => (producer === 'P' ? 11 : 5)
  await check.run(rows, counts)
  assert.equal(check.duplicates, 0, 'rows and arrivals are read apart')
  await check.run(rows, counts)
  assert.deepEqual([check.duplicates, check.absent], [1, 0])
  await check.run(rows, async (producer) => (producer === 'P' ? 10 : 5))
  assert.equal(check.duplicates, 0)
})

test('an event without a row is absent, and too many rows to count prove nothing', async () => {
  const check = new RowCheck()
  for (let time = 0; time < 2; time += 1)
    await check.run([row('P', 10), row('Q', 5)], async (producer) => (producer === 'P' ? 8 : undefined))
  assert.deepEqual([check.duplicates, check.absent], [0, 2])
})

test('only producers that changed are counted again', async () => {
  const check = new RowCheck()
  const counted = []
  const count = async (producer) => {
    counted.push(producer)
    return 10
  }
  await check.run([row('P', 10), row('Q', 10)], count)
  await check.run([row('P', 10), row('Q', 10)], count)
  assert.deepEqual(counted, ['P', 'Q'])
  await check.run([row('P', 11), row('Q', 10)], count)
  assert.deepEqual(counted, ['P', 'Q', 'P'])
})

test('rows are counted once every producer is, and a difference was seen twice', async () => {
  const check = new RowCheck()
  const rows = [row('P', 10), row('Q', 5)]
  assert.equal(check.covers([]), true)
  assert.equal(check.covers(rows), false)
  await check.run([row('P', 10)], async () => 10)
  assert.deepEqual([check.covers([row('P', 10)]), check.covers(rows)], [true, false])
  await check.run(rows, async () => 4)
  assert.equal(check.covers(rows), false, 'a difference must be seen again')
  await check.run(rows, async () => 4)
  assert.equal(check.covers(rows), true)
  assert.equal(check.covers([row('P', 10), row('Q', 6)]), false, 'another event of Q arrived')
})
