import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from './load.mjs'

const { evaluate } = await load('equation.ts')
const { NOWHERE } = await load('places.ts')

const quiet = {
  duplicates: 0,
  absent: 0,
  unprocessed: 0,
  setAside: 0,
  dropReasons: [],
  lostInMemory: 0,
  isKnown: true,
  overflowIsRead: true,
}
const facts = (places, more = {}) => ({ places: { ...NOWHERE, ...places }, ...quiet, ...more })
const state = (...args) => evaluate(facts(...args)).state
const text = (...args) => evaluate(facts(...args)).text

test('the state is idle before any event, and unknown before the server answers', () => {
  assert.equal(state({}), 'idle')
  assert.equal(state({ keys: 5 }, { isKnown: false }), 'unknown')
})

test('the equation holds only if every event is stored', () => {
  assert.equal(state({ stored: 2_000 }), 'holds')
  for (const place of ['keys', 'blocks', 'overflow', 'memory', 'unseen'])
    assert.equal(state({ stored: 2_000, [place]: 1 }), 'on_the_way', place)
  assert.equal(state({ stored: 2_000, dropped: 1 }), 'dropped')
  assert.equal(state({ stored: 2_000, lost: 1 }), 'broken')
})

test('made is the sum of stored, on the way, dropped and lost', () => {
  const places = {
    stored: 1,
    keys: 20,
    blocks: 300,
    overflow: 4_000,
    memory: 50_000,
    unseen: 600_000,
    dropped: 7,
    lost: 8,
  }
  const { made, stored, onTheWay, dropped, lost } = evaluate(facts(places))
  assert.deepEqual([made, stored + onTheWay + dropped + lost, onTheWay], [654_336, 654_336, 654_320])
})

test('the text names every place where events wait, and what is only being counted', () => {
  assert.equal(
    text({ keys: 1_000, blocks: 3_000, overflow: 4_000, memory: 2, unseen: 9 }, { unprocessed: 5 }),
    '8,011 events are on the way: 4,000 wait in localStorage, 4,000 wait in IndexedDB, 2 wait in the memory of open ' +
      'tabs, 5 accepted by the server, not yet in the table, 4 being counted.',
  )
  assert.match(text({ keys: 1 }, { overflowIsRead: false }), /IndexedDB cannot be read/)
  assert.match(text({ unseen: 3 }, { setAside: 9 }), /3 set aside by the server/)
})

test('the equation is broken if rows and arrivals differ', () => {
  assert.equal(state({ stored: 10 }, { duplicates: 1 }), 'broken')
  assert.equal(state({ stored: 10 }, { absent: 1 }), 'broken')
})

test('events lost in the memory of a tab are distinguished from missing events', () => {
  assert.match(text({ stored: 7, lost: 3 }), /neither in this browser nor at the server/)
  assert.match(text({ stored: 7, lost: 3 }, { lostInMemory: 3 }), /stored: false for them\.$/)
  assert.match(text({ stored: 7, lost: 3 }, { lostInMemory: 2 }), /1 event is missing for another reason/)
})

test('dropped events come with the reason that the tabs declared', () => {
  const dropped = text({ stored: 7, dropped: 3 }, { dropReasons: ['quota'] })
  assert.match(dropped, /^3 events dropped by the tabs, because there was no room left in localStorage/)
})
