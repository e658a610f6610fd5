// Any value that a page puts into properties: conversion never throws, takes a bounded time, and
// keeps the rest.
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
  const text = objectJson('properties', value, (message) => reports.push(message))
  return { kept: text ? JSON.parse(text) : undefined, reports: reports.length }
}

/** What `value` becomes as a member, without a report. */
function member(value) {
  return JSON.parse(objectJson('properties', { value, odd: new Date(0) }, assert.fail)).value
}

/** What `value` becomes as a member that is reported. */
function marker(value) {
  const { kept, reports } = keep({ value, ok: 1 })
  assert.equal(reports, 1)
  assert.equal(kept.ok, 1)
  return kept.value
}

const throws = {
  get no() {
    throw new Error('no')
  },
  yes: 1,
}

test('plain objects become the text of JSON.stringify', () => {
  const value = { a: [1, '"\\\n', null, { b: true }], date: new Date(0), gone: undefined, not: Number.NaN }
  for (const one of [value, { ...value, date: undefined }])
    assert.equal(objectJson('properties', one, assert.fail), JSON.stringify(one))
})

test('the text is ASCII, and half a surrogate pair becomes a replacement character', () => {
  for (const odd of [undefined, new Date(0)]) {
    const text = objectJson('properties', { 'ü\ud800': '日💡\udc00\\ud800', odd }, assert.fail)
    assert.doesNotMatch(text, /\P{ASCII}/u)
    assert.deepEqual(Object.entries(JSON.parse(text))[0], ['ü\ufffd', '日💡\ufffd\\ud800'])
  }
})

test('any plain object becomes the text of JSON.stringify in ASCII', () => {
  const texts = [
    '',
    'plain',
    ' ~!#[]',
    '"',
    '\\\\',
    '\u0000',
    '\n',
    '\u007f',
    'é',
    '日本',
    '💡',
    '\u2028',
    'x'.repeat(40),
    'x'.repeat(41),
  ]
  texts.push(
    ...['"', '\\\\', 'ü', '\t'].flatMap((odd) => [
      `${'x'.repeat(39)}${odd}`,
      `${'x'.repeat(60)}${odd}`,
      `${odd}${'x'.repeat(60)}`,
    ]),
  )
  let seed = 1
  const random = (below) => {
    seed = (Math.imul(seed, 0x5bd1e995) + 0x3039) >>> 0
    return (seed >>> 8) % below
  }
  // Most texts are plain, so that each odd one is the only one of its object at times.
  const text = () => texts[random(4) ? random(3) : random(texts.length)]
  const any = (depth) => {
    const kind = random(depth > 3 ? 5 : 7)
    if (kind === 5) return Array.from({ length: random(4) }, () => any(depth + 1))
    if (kind === 6) return object(depth + 1)
    return [text(), random(1000) / 7, true, null, undefined][kind]
  }
  const object = (depth) => Object.fromEntries(Array.from({ length: random(4) }, () => [text(), any(depth)]))
  const escaped = (json) =>
    json.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  for (let round = 0; round < 20_000; round += 1) {
    const value = object(0)
    assert.equal(objectJson('properties', value, assert.fail), escaped(JSON.stringify(value)))
  }
})

test('the text is ASCII even if a getter converts another value meanwhile', () => {
  const nested = () => objectJson('properties', { a: 'a' }, assert.fail)
  const value = {
    'ü': 'ü',
    get a() {
      return nested()
    },
  }
  assert.equal(objectJson('properties', value, assert.fail), String.raw`{"\u00fc":"\u00fc","a":"{\"a\":\"a\"}"}`)
})

test('undefined and null become an empty text', () => {
  assert.equal(objectJson('properties', undefined, assert.fail), '')
  assert.equal(objectJson('properties', null, assert.fail), '')
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
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  assert.equal(marker(proxy), '[unreadable]')
})

test('the same object twice is not a cycle', () => {
  const twice = { n: 1n }
  assert.deepEqual(keep({ a: twice, b: twice }).kept, { a: { n: '1' }, b: { n: '1' } })
  assert.deepEqual(member([twice, { a: 1 }].slice(1)), [{ a: 1 }])
})

test('very deep nesting is cut, and what the server accepts is kept', () => {
  for (const end of [1n, 1]) {
    let deep = end
    for (let level = 0; level < 50_000; level += 1) deep = { deep }
    const { kept } = keep(deep)
    const text = JSON.stringify(kept)
    assert.match(text, /\[too deep\]/)
    assert.equal(text.match(/\{/g).length, 60)
  }
  let deepest = 1
  for (let level = 0; level < 60; level += 1) deepest = level % 2 ? { deepest } : [deepest]
  assert.deepEqual(keep(deepest).kept, deepest)
})

test('a value that is not an object is wrapped and reported', () => {
  assert.deepEqual(keep('text'), { kept: { value: 'text' }, reports: 1 })
  assert.deepEqual(keep([1]), { kept: { value: [1] }, reports: 1 })
  assert.deepEqual(
    keep(() => 1),
    { kept: { value: '[Function]' }, reports: 1 },
  )
})

test('over the limit nothing is kept, in a moment, whatever the value is', () => {
  // Without a limit, this test does not end.
  const linked = Array.from({ length: 200 }, () => ({}))
  for (const one of linked) for (const at of linked.keys()) one[`to${at}`] = linked[at]
  let doubled = []
  for (let level = 0; level < 59; level += 1) doubled = { '': doubled, b: doubled }
  const generative = () => ({ toJSON: () => ({ a: generative(), b: generative() }) })
  const hidden = () => Object.defineProperty({}, 'toJSON', { value: () => ({ a: hidden(), b: hidden() }) })
  for (const value of [
    linked[0],
    linked,
    doubled,
    { doubled, big: 1n },
    generative(),
    hidden(),
    { text: '日'.repeat(20_000_000) },
    { text: '日'.repeat(20_000_000), big: 1n },
    { ['k'.repeat(20_000_000)]: 1 },
    new Array(1e9),
    { sparse: new Array(4e9), big: 1n },
    Object.fromEntries(Array.from({ length: 200_000 }, (_, at) => [`k${at}`, undefined])),
    new Map(Array.from({ length: 100_000 }, (_, at) => [at, 1])),
    { text: 'x'.repeat(32_769 - '{"text":""}'.length) },
    { text: 'ü'.repeat(6_000) },
  ]) {
    const reports = []
    assert.equal(
      objectJson('properties', value, (message) => reports.push(message)),
      undefined,
    )
    assert.deepEqual(reports, ['properties is too large'])
  }
})

test('no more of a sparse array is read than there is room for', () => {
  let reads = 0
  const read = () => {
    reads += 1
    if (reads > 40_000) throw new Error('too many')
    return false
  }
  const sparse = new Proxy(new Array(1e9), {
    has: read,
    get: (array, key) => (key === 'length' ? 1e9 : read() || array[key]),
  })
  assert.equal(
    objectJson('properties', { sparse }, () => {}),
    undefined,
  )
  assert.ok(reads < 40_000, `${reads}`)
})

test('the largest text that the server accepts is kept', () => {
  const largest = { text: 'x'.repeat(32_768 - '{"text":"","set":[]}'.length) }
  assert.equal(objectJson('properties', { ...largest, set: [] }, assert.fail).length, 32_768)
  assert.equal(objectJson('properties', { ...largest, set: new Set() }, assert.fail).length, 32_768)
})

test('collections, errors, dates and boxed values keep their contents', () => {
  assert.deepEqual(member(new Map([['a', new Map([[1, 'b']])]])), { a: { 1: 'b' } })
  assert.deepEqual(member(new Set([1, new Set()])), [1, []])
  assert.deepEqual(member(new Map()), {})
  assert.equal(member(new Date('2026-01-31T12:00:00Z')), '2026-01-31T12:00:00.000Z')
  assert.equal(member(new Date(Number.NaN)), null)
  assert.deepEqual(member([Object('text'), Object(1), Object(true)]), ['text', 1, true])
  const error = Object.assign(new TypeError('no'), { code: 7, name: 'Own' })
  assert.deepEqual(member(error), { name: 'Own', message: 'no', stack: error.stack, code: 7 })
  assert.equal(keep(new DOMException('gone', 'AbortError')).kept.name, 'AbortError')
})

test('functions, symbols, promises, binary data and windows are named', () => {
  assert.equal(
    marker(() => 1),
    '[Function]',
  )
  assert.equal(marker(Symbol('s')), '[Symbol]')
  assert.equal(marker(Promise.resolve()), '[Promise]')
  assert.equal(marker(new Uint8Array(1e8)), '[Uint8Array]')
  assert.equal(marker(new ArrayBuffer(8)), '[ArrayBuffer]')
  assert.equal(marker(new Blob(['x'])), '[Blob]')
  assert.equal(marker(/x/), '[RegExp]')
  const window = { [Symbol.toStringTag]: 'Window', all: linkedToItself() }
  window.window = window
  assert.equal(marker(window), '[Window]')
})

test('elements and events are described, also those of a framework', () => {
  const element = {
    [Symbol.toStringTag]: 'HTMLDivElement',
    nodeType: 1,
    localName: 'div',
    id: 'a',
    fiber: linkedToItself(),
  }
  assert.equal(marker(element), '[div#a]')
  assert.equal(marker({ ...element, id: '' }), '[div]')
  assert.equal(marker(new Event('click')), '[click]')
  assert.equal(marker({ type: 'submit', preventDefault() {}, target: element, fiber: linkedToItself() }), '[submit]')
  // Properties with such names are no window, and no element.
  assert.deepEqual(member({ window: '7d', nodeType: 3, buffer: 1 }), { window: '7d', nodeType: 3, buffer: 1 })
})

function linkedToItself() {
  const nodes = Array.from({ length: 20 }, () => ({}))
  for (const node of nodes) Object.assign(node, nodes)
  return nodes
}

test('an own toJSON is used once, even if it returns itself', () => {
  class Money {
    constructor(amount) {
      this.amount = amount
    }
    toJSON(key) {
      return `${this.amount} EUR ${key}`
    }
  }
  assert.equal(member(new Money(3)), '3 EUR value')
  const itself = {
    a: 1,
    toJSON() {
      return this
    },
  }
  assert.equal(keep(itself).kept.a, 1)
})

test('what libraries have added to built-in objects changes no data', () => {
  const patched = [Array, String, Number, Boolean, Object]
  for (const { prototype } of patched) {
    Object.defineProperty(prototype, 'toJSON', { value: () => 'patched', configurable: true })
  }
  Object.defineProperty(Array.prototype, 'added', { value: () => 0, configurable: true, enumerable: true })
  let text
  try {
    text = objectJson('properties', { list: [1, ['a'], {}], text: Object('t'), at: new Date(0) }, assert.fail)
  } finally {
    for (const { prototype } of patched) delete prototype.toJSON
    delete Array.prototype.added
  }
  assert.equal(text, '{"list":[1,["a"],{}],"text":"t","at":"1970-01-01T00:00:00.000Z"}')
})
