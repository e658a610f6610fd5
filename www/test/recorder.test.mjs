import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from './load.mjs'

const { Recorder } = await load('recorder.ts')
const { Hammer } = await load('hammer.ts')

/** Calls that returned since the last reset, and calls that have not returned. */
function made(recorder) {
  const tabs = [...recorder.snapshot().values()]
  const sum = (part) => tabs.reduce((total, tab) => total + part(tab), 0)
  return { certain: sum((tab) => tab.returned - tab.madeBefore), unreturned: sum((tab) => tab.made - tab.returned) }
}

test('an announcement counts the previous call as returned and the last as pending', () => {
  const recorder = new Recorder()
  recorder.making('a', 7)
  assert.deepEqual(made(recorder), { certain: 6, unreturned: 1 })
  recorder.count('a', { made: 7, returned: 7 })
  assert.deepEqual(made(recorder), { certain: 7, unreturned: 0 })
})

test('counts only increase, so a late message and an old recording change nothing', () => {
  const recorder = new Recorder()
  recorder.count('a', { made: 10, returned: 10 })
  const old = new Recorder()
  old.count('a', { made: 4, returned: 4 })
  old.count('b', { made: 2, returned: 2 })
  recorder.merge(old.recording())
  recorder.making('a', 3)
  assert.deepEqual(made(recorder), { certain: 12, unreturned: 0 })
})

test('events that were not stored are remembered, once each', () => {
  const recorder = new Recorder()
  recorder.unstored('a', 4)
  recorder.unstored('a', 5)
  recorder.merge(recorder.recording())
  assert.deepEqual(recorder.tab('a').unstored, [[4, 5]])
  const earlier = { ...recorder.tab('b'), unstored: undefined }
  const restored = new Recorder()
  restored.merge({ tabs: { b: earlier }, lastNumber: 2 })
  assert.deepEqual(restored.tab('b').unstored, [], 'the record of an earlier version')
})

test('a higher number at the server raises the count, and a lower one has no effect', () => {
  const recorder = new Recorder()
  recorder.count('a', { made: 10, returned: 10 })
  recorder.tab('a').producer = 'P'
  recorder.raiseTo('P', 12)
  recorder.raiseTo('P', 8)
  assert.equal(made(recorder).certain, 12)
})

test('a reset excludes earlier events and keeps the numbers of the tabs', () => {
  const recorder = new Recorder()
  recorder.count('a', { made: 10, returned: 10 })
  recorder.restart()
  recorder.count('a', { made: 13, returned: 13 })
  assert.equal(made(recorder).certain, 3)
  assert.equal(recorder.tab('a').number, 1)
  assert.equal(recorder.tab('b').number, 2)
})

test('the load keeps its rate with late timers, but skips long pauses', () => {
  const hammer = new Hammer()
  assert.equal(hammer.due(0, 500), 0)
  assert.equal(hammer.due(50, 500), 25)
  assert.equal(hammer.due(53, 500), 1)
  assert.equal(hammer.due(54, 500), 1)
  assert.equal(hammer.due(954, 500), 450)
  assert.equal(hammer.due(60_000, 500), 0)
})
