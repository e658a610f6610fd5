// Methods work without their object, on a proxy of it, and with any arguments.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { init } from 'lamplight'
import { reactive } from 'vue'

const options = { url: 'https://t.example.com', key: 'wk_test' }
const METHODS = [
  ...['track', 'page', 'increment', 'gauge', 'timing', 'timer', 'identify', 'reset', 'setConsent', 'forget', 'use'],
  ...['flush', 'delivered', 'stats', 'on', 'close'],
]

/** Everything that code without types passes by mistake. */
function oddValues() {
  const throwing = new Proxy({}, { get: () => assert.fail('read'), ownKeys: () => assert.fail('listed') })
  return [
    undefined,
    null,
    '',
    0,
    Number.NaN,
    1n,
    true,
    Symbol('s'),
    [],
    {},
    () => assert.fail('called'),
    throwing,
    new Map(),
  ]
}

function callAll(lamplight, call) {
  for (const method of METHODS) {
    for (const first of oddValues()) {
      for (const second of oddValues()) {
        for (const given of [[], [first], [first, second], ['name', first, second]]) {
          const what = `${method}, ${typeof first}, ${typeof second}`
          let result
          assert.doesNotThrow(() => {
            result = call(method, given)
          }, what)
          if (method === 'delivered') result.catch(() => {})
          else if (method === 'flush') result.then(() => {})
          else if (method === 'on' || method === 'timer') assert.equal(typeof result, 'function', what)
          else if (/^(track|page|increment|gauge|timing|identify)$/.test(method))
            assert.equal(typeof result.reason, 'string', what)
        }
      }
    }
  }
  assert.equal(typeof lamplight.stats().made, 'number')
}

test('no method throws, whatever its arguments', () => {
  const lamplight = init(options)
  callAll(lamplight, (method, given) => lamplight[method](...given))
})

test('methods work without their object', async () => {
  const lamplight = init(options)
  const { track, flush, stats, on, delivered } = lamplight
  assert.equal(track('opened').reason, 'unavailable')
  assert.deepEqual(await flush(), { sent: 0, queued: 0 })
  assert.equal(stats().made, 0)
  on('error', () => {})()
  await assert.rejects(delivered(undefined), /event 'undefined' is not of this page/)
  callAll(lamplight, (method, given) => {
    const alone = lamplight[method]
    return alone(...given)
  })
})

test('methods work on a reactive object of Vue and on a proxy', () => {
  for (const wrapped of [reactive({ lamplight: init(options) }).lamplight, new Proxy(init(options), {})]) {
    assert.equal(wrapped.track('opened').reason, 'unavailable')
    callAll(wrapped, (method, given) => wrapped[method](...given))
  }
})

test('a plugin, a listener and an event name that are none are reported', () => {
  const lamplight = init(options)
  const errors = []
  lamplight.on('error', ({ message }) => errors.push(message))
  lamplight.use(undefined)
  lamplight.on('delivered', undefined)
  lamplight.on('constructor', () => {})()
  lamplight.page({
    get url() {
      throw new Error('no url')
    },
  })
  assert.equal(errors.length, 3, errors.join('\n'))
  assert.match(errors[0], /^plugin 'undefined': /)
  assert.equal(errors[1], "on: 'undefined' is not a function")
  assert.equal(errors[2], "track('page'): no url")
})
