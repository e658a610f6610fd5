import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from './load.mjs'

const { evaluate } = await load('equation.ts')

const quiet = { inFlight: 0, declared: 0, lost: 0, waiting: 0, lostInMemory: 0, serverDepth: 0, quietMs: 60_000 }
const facts = (certain, stored, more = {}) => ({ made: { certain, unreturned: 0 }, stored, ...quiet, ...more })
const state = (...args) => evaluate(facts(...args)).state

test('the state is idle before any event, and unknown before the server answers', () => {
  assert.equal(state(0, 0), 'idle')
  assert.equal(state(5, undefined), 'unknown')
})

test('the equation holds if all events are stored and there are no holes', () => {
  assert.equal(state(2_000, 2_000), 'holds')
  assert.equal(state(2_000, 2_000, { inFlight: 1 }), 'on_the_way')
})

test('events are in flight while any wait in the browser or server, or counts change', () => {
  assert.equal(state(10, 7, { waiting: 3 }), 'on_the_way')
  assert.equal(state(10, 7, { serverDepth: 1 }), 'on_the_way')
  assert.equal(state(10, 7, { quietMs: 1_000 }), 'on_the_way')
})

test('the equation is broken if events are missing, lost, given up, or stored twice', () => {
  assert.equal(state(10, 7), 'broken')
  assert.equal(state(10, 10, { lost: 1 }), 'broken')
  assert.equal(state(10, 9, { declared: 1, waiting: 1 }), 'broken')
  assert.equal(evaluate(facts(10, 11)).duplicates, 1)
})

test('events lost in the memory of a tab are distinguished from missing events', () => {
  assert.match(evaluate(facts(10, 7)).text, /neither in this browser nor at the server/)
  const evaluation = evaluate(facts(10, 7, { lostInMemory: 3 }))
  assert.equal(evaluation.state, 'broken')
  assert.match(evaluation.text, /stored: false/)
})

test('a short surplus is not a duplicate, because totals can precede announcements', () => {
  const evaluation = evaluate(facts(10, 11, { quietMs: 500 }))
  assert.equal(evaluation.state, 'on_the_way')
  assert.equal(evaluation.duplicates, 0)
})

test('a call that never returned counts as made only if its event arrived', () => {
  const killed = (stored) => evaluate({ ...facts(9, stored), made: { certain: 9, unreturned: 1 } })
  assert.deepEqual([killed(9).made, killed(9).state], [9, 'holds'])
  assert.deepEqual([killed(10).made, killed(10).state], [10, 'holds'])
  assert.equal(killed(11).state, 'broken')
})
