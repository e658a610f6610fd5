import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from './load.mjs'
import { random } from './random.mjs'

const { between, common, count, last, minus, rangesOf, union } = await load('ranges.ts')

const numbersOf = (ranges) =>
  ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at))

test('sets of numbers behave like sets, for thousands of random ones', () => {
  const next = random(7)
  for (let round = 0; round < 2_000; round += 1) {
    const some = () => Array.from({ length: next(12) }, () => 1 + next(20))
    const [a, b] = [some(), some()]
    const [first, second] = [rangesOf(a), rangesOf(b)]
    const sorted = (numbers) => [...new Set(numbers)].sort((x, y) => x - y)
    assert.deepEqual(numbersOf(first), sorted(a))
    assert.deepEqual(numbersOf(union(first, second)), sorted([...a, ...b]))
    assert.deepEqual(numbersOf(minus(first, second)), sorted(a.filter((number) => !b.includes(number))))
    assert.deepEqual(numbersOf(common(first, second)), sorted(a.filter((number) => b.includes(number))))
    assert.equal(count(first), new Set(a).size)
    assert.equal(last(first), Math.max(0, ...a))
  }
})

test('neighbours are one range, and an empty span is no range', () => {
  assert.deepEqual(rangesOf([3, 1, 2, 9]), [
    [1, 3],
    [9, 9],
  ])
  assert.deepEqual(between(5, 4), [])
})
