import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from './load.mjs'

const { MissingWatch } = await load('missing.ts')

test('an event is lost once it was unseen for 15 seconds', () => {
  const watch = new MissingWatch()
  assert.equal(watch.update([[3, 5]], 0, 0, 0), 0)
  assert.equal(watch.update([[3, 5]], 0, 0, 14_999), 0)
  assert.equal(watch.update([[4, 5]], 0, 0, 15_000), 2)
  assert.equal(watch.update([[5, 5]], 0, 0, 15_500), 1, 'one has arrived after all')
  assert.equal(watch.update([], 0, 0, 16_000), 0)
})

test('under load, a loss shows although other events are always between two places', () => {
  const watch = new MissingWatch()
  let lost = 0
  for (let poll = 0; poll <= 60; poll += 1)
    lost = watch.update(
      [
        [2, 2],
        [100 + poll * 50, 140 + poll * 50],
      ],
      0,
      0,
      poll * 500,
    )
  assert.equal(lost, 1)
})

test('without a loss, events that are always between two places are not lost', () => {
  const watch = new MissingWatch()
  for (let poll = 0; poll <= 100; poll += 1)
    assert.equal(watch.update([[poll * 50, 40 + poll * 50]], 0, 0, poll * 500), 0)
})

test('an event in the memory of its tab, or in a payload of the server, is not lost', () => {
  const inMemory = new MissingWatch()
  inMemory.update([[1, 9]], 9, 0, 0)
  assert.equal(inMemory.update([[1, 9]], 9, 0, 60_000), 0)
  assert.equal(inMemory.update([[1, 9]], 0, 0, 60_500), 9, 'the tab was killed')
  const unprocessed = new MissingWatch()
  unprocessed.update([[1, 9]], 0, 0, 0)
  assert.equal(unprocessed.update([[1, 9]], 0, 70_000, 60_000), 0)
  assert.equal(unprocessed.update([[1, 9]], 0, 100, 60_500), 9)
})
