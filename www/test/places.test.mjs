import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from './load.mjs'
import { random } from './random.mjs'

const { made, NOWHERE, place } = await load('places.ts')
const { rangesOf } = await load('ranges.ts')

const nothing = { keys: [], blocks: [], overflow: [] }
const tab = (returned, more = {}) => ({ madeBefore: 0, returned, made: returned, queued: 0, ...more })
const row = (made, more = {}) => ({ producer: 'P', made, holes: [], declared: [], verdict: 'complete', ...more })
const placesOf = (...args) => {
  const { places } = place(...args)
  return Object.fromEntries(Object.entries(places).filter(([, count]) => count > 0))
}

test('events in keys, in blocks and in IndexedDB all wait, each in one place', () => {
  const held = { keys: [[1, 4]], blocks: [[3, 6]], overflow: [[6, 10]] }
  assert.deepEqual(placesOf(tab(10), undefined, held), { keys: 4, blocks: 2, overflow: 4 })
})

test('an event that the server has does not wait, although storage still has it', () => {
  const held = { ...nothing, blocks: [[1, 10]] }
  assert.deepEqual(placesOf(tab(10), row(7), held), { stored: 7, blocks: 3 })
  assert.deepEqual(placesOf(tab(10), row(9, { holes: [[2, 3]] }), held), { stored: 7, blocks: 3 })
})

test('events of an open tab that no storage has are in its memory, others are unseen', () => {
  const held = { ...nothing, keys: [[1, 5]] }
  assert.deepEqual(placesOf(tab(10, { queued: 8 }), undefined, held), { keys: 5, memory: 3, unseen: 2 })
  assert.deepEqual(placesOf(tab(10), undefined, held), { keys: 5, unseen: 5 })
})

test('declared events are dropped, and holes are lost only once the server says so', () => {
  const declared = [{ reason: 'quota', ranges: [[9, 10]] }]
  assert.deepEqual(placesOf(tab(10), row(10, { declared }), nothing), { stored: 8, dropped: 2 })
  const holes = [[4, 5]]
  assert.deepEqual(placesOf(tab(10), row(10, { holes }), nothing), { stored: 8, unseen: 2 })
  assert.deepEqual(placesOf(tab(10), row(10, { holes, verdict: 'lost' }), nothing), { stored: 8, lost: 2 })
})

test('events from before counting began are in no place', () => {
  const held = { ...nothing, keys: [[5, 8]] }
  assert.deepEqual(placesOf(tab(10, { madeBefore: 6 }), row(4), held), { keys: 2, unseen: 2 })
})

test('a call that never returned counts only if its event is somewhere', () => {
  const killed = { ...tab(9), made: 10 }
  assert.equal(made(place(killed, row(9), nothing).places), 9)
  assert.deepEqual(placesOf(killed, row(10), nothing), { stored: 10 })
  assert.deepEqual(placesOf(killed, row(9), { ...nothing, keys: [[10, 10]] }), { stored: 9, keys: 1 })
})

test('whatever the figures say, the places add up to what was made', () => {
  const next = random(11)
  const some = () => rangesOf(Array.from({ length: next(15) }, () => 1 + next(25)))
  for (let round = 0; round < 3_000; round += 1) {
    const returned = next(25)
    const madeBefore = next(returned + 1)
    const known = next(30)
    const holes = some().filter(([, to]) => to <= known)
    const declared = [{ reason: 'quota', ranges: holes.splice(next(holes.length + 1)) }]
    const server = next(4) === 0 ? undefined : row(known, { holes, declared, verdict: next(2) ? 'lost' : 'in_flight' })
    const one = { madeBefore, returned, made: returned + next(2), queued: next(10) }
    const { places } = place(one, server, { keys: some(), blocks: some(), overflow: some() })
    const total = made(places)
    assert.ok(total === returned - madeBefore || total === one.made - madeBefore, JSON.stringify(places))
    assert.ok(Object.values(places).every((count) => count >= 0))
    assert.deepEqual(Object.keys(places), Object.keys(NOWHERE))
  }
})
