import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from './load.mjs'

const { judge } = await load('equation.ts')

const quiet = { inFlight: 0, declared: 0, lost: 0, waiting: 0, diedInMemory: 0, serverDepth: 0, quietMs: 60_000 }
const facts = (certain, stored, more = {}) => ({ made: { certain, unreturned: 0 }, stored, ...quiet, ...more })
const state = (...given) => judge(facts(...given)).state

test('it is idle until something was made, and unknown until the server answered', () => {
  assert.equal(state(0, 0), 'idle')
  assert.equal(state(5, undefined), 'unknown')
})

test('it holds when as many are stored as were made, with no holes', () => {
  assert.equal(state(2_000, 2_000), 'holds')
  assert.equal(state(2_000, 2_000, { inFlight: 1 }), 'on_the_way')
})

test('it is on the way while something waits in the browser, at the server, or moved just now', () => {
  assert.equal(state(10, 7, { waiting: 3 }), 'on_the_way')
  assert.equal(state(10, 7, { serverDepth: 1 }), 'on_the_way')
  assert.equal(state(10, 7, { quietMs: 1_000 }), 'on_the_way')
})

test('it is broken when events are nowhere for long, lost, given up, or stored more often than made', () => {
  assert.equal(state(10, 7), 'broken')
  assert.equal(state(10, 10, { lost: 1 }), 'broken')
  assert.equal(state(10, 9, { declared: 1, waiting: 1 }), 'broken')
  assert.equal(judge(facts(10, 11)).duplicates, 1)
})

test('what died in the memory of a tab is told apart from what is nowhere', () => {
  assert.match(judge(facts(10, 7)).text, /nowhere/)
  const verdict = judge(facts(10, 7, { diedInMemory: 3 }))
  assert.equal(verdict.state, 'broken')
  assert.match(verdict.text, /stored: false/)
})

test('a surplus of a moment is no duplicate: announcements and totals come by different roads', () => {
  const verdict = judge(facts(10, 11, { quietMs: 500 }))
  assert.equal(verdict.state, 'on_the_way')
  assert.equal(verdict.duplicates, 0)
})

test('a call that never returned counts as made only when its event got through', () => {
  const killed = (stored) => judge({ ...facts(9, stored), made: { certain: 9, unreturned: 1 } })
  assert.deepEqual([killed(9).made, killed(9).state], [9, 'holds'])
  assert.deepEqual([killed(10).made, killed(10).state], [10, 'holds'])
  assert.equal(killed(11).state, 'broken')
})
