// What automatic tracking records of errors: addresses without secrets, and any thrown value.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadSource } from '../load_source.mjs'

const { withoutSecrets } = await loadSource('auto/texts.ts')
const { thrown } = await loadSource('auto/thrown.ts')
const { brief } = await loadSource('address.ts')

const short = (text) => withoutSecrets(text, 1_000)

test('addresses in a text lose query, fragment and password, and the rest stays', () => {
  for (const [text, kept] of [
    ['Failed to fetch https://x.example/api?token=SECRET', 'Failed to fetch https://x.example/api'],
    ['GET /api/users?token=SECRET 401', 'GET /api/users 401'],
    ["with URL 'https://x.example/a#access_token=SECRET' cannot", "with URL 'https://x.example/a' cannot"],
    ['{"url":"https://x.example/a?t=SECRET","status":401}', '{"url":"https://x.example/a","status":401}'],
    ['a hash #access_token=SECRET&b=1 is wrong', 'a hash  is wrong'],
    ['https://user:SECRET@x.example/path', 'https://x.example/path'],
    ['callback.html?code=SECRET failed', 'callback.html failed'],
    ['    at f (https://x.example/app.js?v=SECRET:10:5)', '    at f (https://x.example/app.js:10:5)'],
    ['f@https://x.example/app.js?v=SECRET:10:5', 'f@https://x.example/app.js:10:5'],
    [
      'at eval (eval at f (https://x.example/a.js?SECRET:1:2), <anonymous>:3:4)',
      'at eval (eval at f (https://x.example/a.js:1:2), <anonymous>:3:4)',
    ],
    ['at data:text/javascript;base64,SECRET:1:5', 'at data::1:5'],
    ['see https://x.example/a?q=поискSECRET, then', 'see https://x.example/a, then'],
  ]) {
    assert.equal(short(text), kept)
    assert.ok(!short(text).includes('SECRET'))
  }
})

test('texts without addresses are unchanged', () => {
  for (const text of [
    'Cannot read properties of undefined (reading "x")',
    'Cannot read private member #secret from an object',
    'a?.b is not a function',
    'and/or? C# and F#, 24/7? mail me@x.example',
    'Failed to parse data: unexpected token',
    'https://medium.example/@user/post',
    '    at Foo.#bar (https://x.example/app.js:10:5)',
  ])
    assert.equal(short(text), text)
})

test('no cut of any text leaves a secret or half a character', () => {
  const text = `💡 ${'x'.repeat(20)} https://x.example/path?token=SECRET 💡💡`
  for (let max = 1; max < text.length + 2; max += 1) {
    const kept = withoutSecrets(text, max)
    assert.ok(!/SECRET|token/.test(kept), kept)
    assert.equal(kept, Buffer.from(kept).toString())
    assert.ok(kept.length <= max + 1)
  }
  for (const unit of ['/', 'a/', '?', ':1', ')', '@', 'a ', 'data:'])
    assert.ok(withoutSecrets(unit.repeat(100_000), 4_000).length <= 4_001)
})

test('the brief form of a title or address is bounded and has no query', () => {
  assert.equal(brief('https://x.example/a?b#c'), 'https://x.example/a')
  assert.equal(brief('Cart – https://x.example/a?token=1 – C/C#'), 'Cart – https://x.example/a – C/C#')
  assert.equal(brief(undefined), undefined)
  const emoji = brief(`${'x'.repeat(499)}💡`)
  assert.equal(emoji, 'x'.repeat(499))
})

test('every kind of thrown value has a message and a type', () => {
  class HttpError extends Error {
    name = 'HttpError'
  }
  class Point {
    x = 1
  }
  const circular = { code: 7 }
  circular.self = circular
  for (const [value, message, type] of [
    [new TypeError('no such thing'), 'no such thing', 'TypeError'],
    [new HttpError('bad'), 'bad', 'HttpError'],
    [new Error(''), 'Error', 'Error'],
    [new DOMException('The user aborted a request.', 'AbortError'), 'The user aborted a request.', 'AbortError'],
    ['text', 'text', 'string'],
    ['', '', 'string'],
    [undefined, 'undefined', 'undefined'],
    [null, 'null', 'null'],
    [0, '0', 'number'],
    [7n, '7', 'bigint'],
    [Symbol('mark'), 'Symbol(mark)', 'symbol'],
    [{ code: 401, reason: 'expired' }, '{code: 401, reason: "expired"}', 'Object'],
    [{ message: 'own message', code: 1 }, 'own message', 'Object'],
    [{ error: { status: 500 } }, '{error: {status: 500}}', 'Object'],
    [{}, 'Object', 'Object'],
    [Object.create(null), 'Object', 'Object'],
    [circular, '{code: 7, self: {code: 7, self: Object}}', 'Object'],
    [new Point(), '{x: 1}', 'Point'],
    [[1, 'two', [3]], '[1,"two",[3]]', 'Array'],
    [new Response('', { status: 404, statusText: 'Not Found' }), 'response 404 Not Found', 'Response'],
    [new Event('error'), "event 'error'", 'Event'],
    [() => {}, 'Function', 'Function'],
  ]) {
    const { message: found, type: kind } = thrown(value)
    assert.deepEqual([found, kind], [message, type])
  }
})

test('causes and the errors of an AggregateError are kept, a few of them', () => {
  const root = new RangeError('too deep at https://x.example/?token=SECRET')
  const chain = new Error('outer', { cause: new TypeError('middle', { cause: root }) })
  assert.deepEqual(thrown(chain).causes, ['TypeError: middle', 'RangeError: too deep at https://x.example/'])
  const all = new AggregateError([new Error('a'), 'b', undefined, { code: 1 }, 5, 6], 'all failed')
  assert.deepEqual(thrown(all).errors, ['Error: a', 'b', 'undefined', 'Object: {code: 1}', '5'])
  const endless = new Error('endless')
  endless.cause = endless
  assert.equal(thrown(endless).causes.length, 5)
  assert.equal(thrown(new Error('plain')).causes, undefined)
})

test('hostile values do not throw, and are read only in part', () => {
  const fails = () => {
    throw new Error('hostile')
  }
  const handler = new Proxy({}, { get: () => fails })
  const closed = Proxy.revocable({}, {})
  closed.revoke()
  const members = ['message', 'name', 'stack', 'cause', 'errors', 'type', 'target', 'constructor', 'toString', 'toJSON']
  const getters = Object.defineProperties(
    {},
    Object.fromEntries(members.map((name) => [name, { get: fails, enumerable: true }])),
  )
  const wrong = Object.fromEntries(members.map((name) => [name, { length: -1 }]))
  const endless = Object.assign([], { length: 4_294_967_295 })
  let reads = 0
  const count = (list, name) => {
    reads += 1
    return list[name]
  }
  const huge = new Proxy(Array(1e6).fill('x'), { get: count })
  for (const value of [
    new Proxy({}, handler),
    new Proxy(() => {}, handler),
    closed.proxy,
    getters,
    wrong,
    endless,
    huge,
    { errors: closed.proxy, cause: closed.proxy },
    { [Symbol.toStringTag]: 'Response', status: fails },
    { message: 'x'.repeat(1e6), stack: 'y'.repeat(1e6), name: 'z'.repeat(1e6) },
    Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`${'k'.repeat(1_000)}${at}`, 'v'.repeat(1_000)])),
  ]) {
    const { message, type, stack = '', causes = [], errors = [] } = thrown(value)
    assert.ok(message.length <= 501 && type.length <= 101 && stack.length <= 4_001, message)
    assert.ok([...causes, ...errors].every((text) => typeof text === 'string' && text.length <= 501))
    JSON.stringify([message, type, stack, causes, errors])
  }
  assert.ok(reads < 50, `${reads} reads`)
})
