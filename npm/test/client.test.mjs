// What crosses from the page into the module, with a module that records it.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('../src/client.ts', import.meta.url))],
  bundle: true,
  format: 'esm',
  external: ['lamplight:*'],
  plugins: [
    {
      name: 'chunks',
      setup: (build) => build.onResolve({ filter: /^\.\/(full|translated)\.js$/ }, () => ({ external: true })),
    },
  ],
  write: false,
})
const { Client } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
)

let calls = []
let errors = []

beforeEach(() => {
  calls = []
  errors = []
  globalThis.location = new URL('https://shop.example.com/first')
})
afterEach(() => {
  delete globalThis.location
})

/** A module that records every call, without the client's number. */
const module = {
  start(listeners, consent) {
    calls.push(['start', consent])
    listeners.started('p')
    return 1
  },
  ...Object.fromEntries(
    ['track', 'context', 'identify', 'consent', 'withdraw', 'flush', 'close', 'abandon'].map((name) => [
      name,
      (_, ...args) => {
        calls.push([name, ...args.filter((arg) => arg !== undefined)])
        return name === 'track' ? 8 * calls.length : true
      },
    ]),
  ),
}

function start(options = {}, load = () => module) {
  const lamplight = new Client({ url: 'https://t.example.com', key: 'wk_test', ...options }, load)
  lamplight.on('error', ({ message }) => errors.push(message))
  return lamplight
}

/** The recorded events. */
function events() {
  return calls
    .filter(([name]) => name === 'track')
    .map(([, ts, text, nameBytes]) => {
      const [properties, user, monitor, type, name] = text.split('\n')
      const parsed = (json) => (json ? JSON.parse(json) : undefined)
      return { name, ts, type, properties: parsed(properties), user: parsed(user), monitor: parsed(monitor), nameBytes }
    })
}

const throwing = new Proxy(
  {},
  {
    get() {
      throw new Error('no')
    },
    ownKeys() {
      throw new Error('no keys')
    },
  },
)

test('no argument ends the client or throws', () => {
  const lamplight = start()
  const odd = [undefined, null, '', 'text', 0, Number.NaN, 1e300, 5n, Symbol('s'), [], {}, () => 1, throwing, true]
  const methods = [
    'track',
    'page',
    'identify',
    'increment',
    'gauge',
    'timing',
    'timer',
    'setConsent',
    'use',
    'delivered',
  ]
  for (const name of methods) {
    for (const first of odd) {
      for (const second of odd) {
        for (const third of odd) {
          const result = lamplight[name](first, second, third)
          if (name === 'delivered') result.catch(() => {})
          if (name === 'timer') result()
        }
      }
    }
  }
  for (const member of ['ts', 'type', 'user', 'monitor', 'properties', 'tags', 'unit']) {
    for (const value of odd) {
      lamplight.track('t', {}, { [member]: value })
      lamplight.gauge('g', 1, { [member]: value })
      lamplight.track('m', {}, { monitor: { kind: 'gauge', value: 1, [member]: value, metric: value } })
      lamplight.track('u', {}, { user: { id: value } })
    }
  }
  assert.deepEqual(
    calls.filter(([name]) => name === 'abandon'),
    [],
  )
  assert.equal(lamplight.track('after').stored, true)
})

test('what the server would refuse is refused, with the field and its value', () => {
  const lamplight = start()
  for (const [call, message] of [
    [() => lamplight.track(null), "track('null'): name cannot be 'null'"],
    [() => lamplight.track(Symbol('s')), "track('Symbol(s)'): name cannot be 'Symbol(s)'"],
    [() => lamplight.track({}), "track('[object Object]'): name cannot be '[object Object]'"],
    [() => lamplight.track('e', {}, { ts: 1.7e15 }), "track('e'): ts cannot be '1700000000000000'"],
    [() => lamplight.track('e', {}, { ts: -1 }), "track('e'): ts cannot be '-1'"],
    [() => lamplight.track('e', {}, { ts: Number.NaN }), "track('e'): ts cannot be 'NaN'"],
    [() => lamplight.track('e', {}, { ts: 5n }), "track('e'): ts cannot be '5'"],
    [() => lamplight.track('e', {}, { ts: Symbol('s') }), "track('e'): ts cannot be 'Symbol(s)'"],
    [() => lamplight.track('e', {}, { ts: 'yesterday' }), "track('e'): ts cannot be 'yesterday'"],
    [() => lamplight.track('e', {}, { ts: '2026-01-31' }), "track('e'): ts cannot be '2026-01-31'"],
    [() => lamplight.track('e', {}, { ts: new Date(Number.NaN) }), "track('e'): ts cannot be 'Invalid Date'"],
    [() => lamplight.track('e', {}, { type: 'urgent' }), "track('e'): type cannot be 'urgent'"],
    [() => lamplight.track('e', {}, { user: 'u1' }), "track('e'): user cannot be 'u1'"],
    [() => lamplight.track('e', {}, { user: { id: ['u1'] } }), "track('e'): user.id cannot be 'u1'"],
    [
      () => lamplight.track('e', {}, { user: { anonymous_id: {} } }),
      "track('e'): user.anonymous_id cannot be '[object Object]'",
    ],
    [
      () => lamplight.track('e', {}, { user: { id: 'x'.repeat(1_001) } }),
      `track('e'): user.id cannot be '${'x'.repeat(99)}'`,
    ],
    [() => lamplight.increment('c', Number.NaN), "track('c'): monitor.value cannot be 'NaN'"],
    [() => lamplight.increment('c', '5'), "track('c'): monitor.value cannot be '5'"],
    [() => lamplight.gauge('g', Number.POSITIVE_INFINITY), "track('g'): monitor.value cannot be 'Infinity'"],
    [() => lamplight.gauge('g'), "track('g'): monitor.value cannot be 'undefined'"],
    [() => lamplight.track('e', {}, { monitor: { kind: 'count' } }), "track('e'): monitor.kind cannot be 'count'"],
    [
      () => lamplight.track('e', {}, { monitor: { kind: ['gauge'], value: 1 } }),
      "track('e'): monitor.kind cannot be 'gauge'",
    ],
    [
      () => lamplight.track('e', {}, { monitor: { kind: 'gauge', value: 1, metric: {} } }),
      "track('e'): monitor.metric cannot be '[object Object]'",
    ],
    [
      () => lamplight.track('e', {}, { monitor: { kind: 'gauge', value: 1, rate: 0 } }),
      "track('e'): monitor.rate cannot be '0'",
    ],
    [
      () => lamplight.track('e', {}, { monitor: { kind: 'gauge', value: 1, rate: '1' } }),
      "track('e'): monitor.rate cannot be '1'",
    ],
    [() => lamplight.identify({}), "identify: '[object Object]' is not an id"],
    [() => lamplight.identify('x'.repeat(1_001)), `identify: '${'x'.repeat(99)}' is not an id`],
  ]) {
    assert.deepEqual(call(), { id: '', seq: 0, stored: false, reason: 'invalid' }, message)
    assert.deepEqual(errors.splice(0), [message])
  }
  assert.deepEqual(events(), [])
})

test('times and ids in other forms are converted without loss', () => {
  const lamplight = start()
  const at = Date.UTC(2026, 0, 31, 12)
  for (const ts of [at, new Date(at), '2026-01-31T12:00:00Z', '2026-01-31T14:00:00.000+02:00'])
    lamplight.track('e', {}, { ts })
  assert.deepEqual(
    events().map(({ ts }) => ts),
    Array(4).fill(at),
  )
  lamplight.track(7, {}, { user: { id: 42, anonymous_id: '' } })
  lamplight.track('e', {}, { user: { id: 2n ** 60n, other: 'x' } })
  const [seven, big] = events().slice(4)
  assert.deepEqual([seven.name, seven.user], ['7', { id: '42' }])
  assert.deepEqual(big.user, { id: '1152921504606846976' })
  lamplight.increment('c')
  lamplight.gauge('g', 1e300, { unit: 's', tags: { a: 'b' } })
  assert.deepEqual(
    events()
      .slice(6)
      .map(({ monitor }) => monitor),
    [
      { rate: 1, kind: 'increment', value: 1 },
      { rate: 1, kind: 'gauge', value: 1e300, unit: 's', tags: { a: 'b' } },
    ],
  )
  assert.deepEqual(errors, [])
})

test('hooks get the time as a number, and what they return is checked as well', () => {
  const seen = []
  const lamplight = start({
    beforeEnqueue: (event) => {
      seen.push(event.ts)
      return event.name === 'bad' ? { ...event, ts: 'soon' } : event
    },
  })
  lamplight.track('good', {}, { ts: new Date(5) })
  assert.equal(lamplight.track('bad', {}, { ts: 6 }).reason, 'invalid')
  assert.deepEqual(seen, [5, 6])
  assert.deepEqual(
    events().map(({ name }) => name),
    ['good'],
  )
})

test('an event over a limit crosses without its text, to be numbered and declared', () => {
  const lamplight = start()
  const long = 'x'.repeat(20_000_000)
  lamplight.track('e', { long })
  lamplight.track(long)
  lamplight.track('e', {}, { monitor: { kind: 'gauge', value: 1, long } })
  assert.deepEqual(
    calls.filter(([name]) => name === 'track').map(([, , ...rest]) => rest),
    Array(3).fill(['', 201]),
  )
  lamplight.page(long)
  assert.equal(lamplight.track('e', {}, long).stored, true)
  assert.equal(lamplight.track('e', {}, { monitor: long }).reason, 'invalid')
  lamplight.track('日'.repeat(67))
  assert.equal(events()[5].nameBytes, 201)
})

test('a context over the limit is left out and reported', () => {
  const lamplight = start({ context: { long: 'x'.repeat(40_000) } })
  assert.equal(lamplight.track('e').stored, true)
  assert.deepEqual(errors, ["track('e'): context is too large"])
  assert.deepEqual(
    calls.filter(([name]) => name === 'context'),
    [['context', '']],
  )
})

test('a first page that an earlier version stored too large is left out', () => {
  globalThis.document = { referrer: '' }
  globalThis.localStorage = {}
  try {
    for (const [stored, initial] of [
      [{ page: 'x'.repeat(40_000) }, undefined],
      [{ page: '/before' }, { page: '/before' }],
    ]) {
      localStorage['shop:f'] = JSON.stringify(stored)
      start({ namespace: 'shop' }).track('e')
      const [, json] = calls.filter(([name]) => name === 'context').at(-1)
      assert.deepEqual(JSON.parse(json).initial, initial)
    }
  } finally {
    delete globalThis.document
    delete globalThis.localStorage
  }
})

test('calls that wait for consent keep their order, user, page, properties and time', () => {
  const lamplight = start({ consent: 'pending' })
  const properties = { step: { n: 1 } }
  const before = Date.now()
  for (const [user, path] of [
    ['ada', '/a'],
    ['bob', '/b'],
    ['eve', '/c'],
  ]) {
    location.pathname = path
    lamplight.identify(user, properties)
    properties.step.n += 1
    lamplight.track('did', properties)
    lamplight.reset()
  }
  assert.deepEqual(calls, [])
  properties.step = 'late'
  location.pathname = '/late'
  lamplight.setConsent('granted')
  const seen = calls.map(([name, first, second]) => {
    if (name === 'context') return JSON.parse(first).page
    if (name !== 'track') return `${name} ${first}`
    assert.ok(first >= before)
    const [json, , , , event] = second.split('\n')
    return `${event} ${JSON.parse(json).step.n}`
  })
  const at = (path) => `https://shop.example.com${path}`
  assert.deepEqual(seen, [
    'start true',
    ...['identify ada', at('/a'), 'identify 1', 'did 2', 'identify '],
    ...['identify bob', at('/b'), 'identify 2', 'did 3', 'identify '],
    ...['identify eve', at('/c'), 'identify 3', 'did 4', 'identify '],
  ])
})

test('at most 1,000 calls wait, and what is dropped then is told', () => {
  const lamplight = start({ consent: 'pending', context: false })
  for (let at = 0; at < 1_000; at += 1) assert.equal(lamplight.track(`e${at}`).reason, 'consent_pending')
  assert.equal(lamplight.track('more').reason, 'quota')
  assert.deepEqual(errors, ["track('more'): dropped, because 1000 calls wait"])
  lamplight.setConsent('granted')
  assert.deepEqual([events().length, events()[0].name, events()[999].name], [1_000, 'e0', 'e999'])
  assert.equal(lamplight.track('after').stored, true)
})

test('a withdrawal discards what waits, but not a reset', () => {
  const lamplight = start({ consent: 'pending' })
  lamplight.identify('ada')
  lamplight.reset()
  lamplight.track('secret')
  lamplight.setConsent('denied')
  assert.deepEqual(
    calls.filter(([name]) => name !== 'context'),
    [
      ['start', false],
      ['withdraw', false],
      ['identify', ''],
    ],
  )
  lamplight.setConsent('granted')
  assert.equal(lamplight.track('later').stored, true)
  assert.deepEqual(
    events().map(({ name }) => name),
    ['later'],
  )
})

test('with a client that runs, pending calls wait, and flush does not', () => {
  const lamplight = start()
  lamplight.setConsent('pending')
  assert.equal(lamplight.track('waits').reason, 'consent_pending')
  void lamplight.flush()
  assert.deepEqual(calls.splice(0), [['start', undefined], ['flush']])
  lamplight.setConsent('granted')
  assert.deepEqual(
    calls.map(([name]) => name),
    ['consent', 'context', 'track'],
  )
})

test('a busy client gets the call again as it was made', async () => {
  let isBusy = true
  const busy = {
    ...module,
    track: (_, ...args) => {
      if (isBusy) return 7
      return module.track(_, ...args)
    },
  }
  const lamplight = start({}, () => busy)
  const properties = { n: 1 }
  assert.equal(lamplight.track('e', properties).reason, 'busy')
  properties.n = 2
  isBusy = false
  await undefined
  assert.deepEqual(
    events().map(({ properties }) => properties),
    [{ n: 1 }],
  )
})

test('hooks and setup of a plugin are called as its methods', () => {
  const lamplight = start()
  class Prefix {
    name = 'prefix'
    prefix = 'shop.'
    setup() {
      this.isSetUp = true
    }
    beforeEnqueue(event) {
      return { ...event, name: this.prefix + event.name }
    }
  }
  const plugin = new Prefix()
  lamplight.use(plugin)
  lamplight.track('opened')
  assert.ok(plugin.isSetUp)
  assert.equal(events()[0].name, 'shop.opened')
})
