// Any value that a page puts into properties: conversion never throws, and keeps the rest.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('../src/json.ts', import.meta.url))],
  bundle: true,
  format: 'esm',
  write: false,
})
const { objectJson } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
)

/** The kept part of a value, and the number of reports. */
function keep(value) {
  const reports = []
  const text = objectJson(value, (message) => reports.push(message))
  return { kept: text === '' ? undefined : JSON.parse(text), reports: reports.length }
}

const throws = {
  get no() {
    throw new Error('no')
  },
  yes: 1,
}

test('plain objects become the text of JSON.stringify', () => {
  const value = { a: [1, 'ü', null, { b: true }], date: new Date(0), gone: undefined }
  assert.equal(objectJson(value, assert.fail), JSON.stringify(value))
})

test('undefined and null become an empty text', () => {
  assert.deepEqual([undefined, null].map(keep), Array(2).fill({ kept: undefined, reports: 0 }))
})

test('cycles, big integers and throwing getters become markers, and the rest is kept', () => {
  const cycle = { a: 1 }
  cycle.self = cycle
  assert.deepEqual(keep(cycle), { kept: { a: 1, self: '[circular]' }, reports: 1 })
  assert.deepEqual(keep({ big: 10n, ok: 1 }), { kept: { big: '10', ok: 1 }, reports: 1 })
  assert.deepEqual(keep({ throws }), { kept: { throws: { no: '[unreadable]', yes: 1 } }, reports: 1 })
  assert.deepEqual(
    keep({
      bad: {
        toJSON() {
          throw new Error('no')
        },
      },
      ok: 1,
    }),
    { kept: { bad: '[unreadable]', ok: 1 }, reports: 1 },
  )
})

test('an object whose keys cannot be listed becomes a marker', () => {
  const closed = new Proxy(
    {},
    {
      ownKeys() {
        throw new Error('no')
      },
    },
  )
  assert.deepEqual(keep({ closed, ok: 1 }), { kept: { closed: '[unreadable]', ok: 1 }, reports: 1 })
})

test('the same object twice is not a cycle', () => {
  const twice = { n: 1n }
  assert.deepEqual(keep({ a: twice, b: twice }).kept, { a: { n: '1' }, b: { n: '1' } })
})

test('very deep nesting is cut', () => {
  let deep = 1n
  for (let level = 0; level < 50_000; level += 1) deep = { deep }
  const { kept } = keep(deep)
  assert.match(JSON.stringify(kept), /\[too deep\]/)
})

test('a value that is not an object is wrapped and reported', () => {
  assert.deepEqual(keep('text'), { kept: { value: 'text' }, reports: 1 })
  assert.deepEqual(keep([1]), { kept: { value: [1] }, reports: 1 })
  assert.deepEqual(
    keep(() => 1),
    { kept: undefined, reports: 1 },
  )
})
