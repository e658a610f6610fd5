// Warnings about mistakes: which name was meant, and how often a mistake is reported. And the line
// that links to the page's events.
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { loadSource } from '../load_source.mjs'

const { nearest } = await loadSource('debug/nearest.ts')

const NAMES = ['url', 'key', 'path', 'sampleRate', 'storage', 'maxEvents', 'maxBytes', 'beforeSend', 'beforeEnqueue']

test('a misspelled name is recognized, another word is not', () => {
  for (const [given, meant] of [
    ['sampelRate', 'sampleRate'],
    ['samplerate', 'sampleRate'],
    ['sample_rate', 'sampleRate'],
    ['sample-rate', 'sampleRate'],
    ['URL', 'url'],
    ['keys', 'key'],
    ['maxEvent', 'maxEvents'],
    ['beforesend', 'beforeSend'],
    ['session_timeout', undefined],
    ['src', undefined],
    ['', undefined],
    ['nscript', undefined],
  ])
    assert.equal(nearest(given, NAMES), meant, given)
})

const URL_OF_EVENTS = 'https://t.example/v1/events?key=wk_x'

/** The warnings of a page with these options, which then gets these notes. */
async function warned(options, notes, hostname = 'localhost') {
  return (await written('warn', options, notes, { hostname })).texts
}

/**
 * What a page writes to the console with this method: with these options, and after these notes. A
 * note that is a function changes the page first.
 */
async function written(method, options, notes, { hostname = 'localhost', url = URL_OF_EVENTS, producer = '' } = {}) {
  globalThis.location = { hostname }
  const { warnings } = await loadSource('debug.ts')
  const written = mock.method(console, method, () => {})
  const page = { producer }
  const tell = warnings({ url: '/', key: 'wk_x', ...options }, url, page)
  const texts = () => written.mock.calls.map((call) => call.arguments.join(' '))
  const atInit = texts()
  for (const note of notes) typeof note === 'function' ? note(page) : tell(note)
  await new Promise((resolve) => setTimeout(resolve, 20))
  const all = texts()
  written.mock.restore()
  delete globalThis.location
  return { atInit, texts: all }
}

test('each kind of mistake is reported once, whatever its values', async () => {
  const texts = await warned({ storage: { maxBytes: 1 } }, [
    { message: "identify: '' is not an id" },
    { message: "identify: 'undefined' is not an id" },
    { message: 'the server answered 429', status: 429, waitMs: 1 },
    { message: 'the server answered 429', status: 429, waitMs: 9 },
    { message: 'the server did not answer', status: 0, waitMs: 9 },
    { producer: 'p', id: 'p-1', reason: 'quota' },
    { producer: 'p', id: 'p-2', reason: 'quota' },
    { producer: 'p', id: 'p-3', reason: 'opted_out' },
    { producer: 'p', ids: ['p-4'], count: 1 },
  ])
  assert.equal(texts.length, 4)
  assert.ok(texts.every((text) => text.startsWith('lamplight: ')))
  assert.ok(texts.some((text) => text.includes('no answer from https://t.example/v1/events:')))
  assert.ok(!texts.join().includes('wk_x'))
})

test('the reason that the server gives is reported only if it is for the same status', async () => {
  const fetched = mock.method(globalThis, 'fetch', async () =>
    Response.json({ code: 'key_unknown', detail: 'create a key' }, { status: 401 }),
  )
  const notes = [{ message: 'the server answered 401', status: 401 }]
  assert.match((await warned({}, notes))[0], /refuses all events \(key_unknown\): create a key/)
  assert.match((await warned({}, [{ ...notes[0], status: 403 }]))[0], /answered 403: check the option 'key'/)
  assert.equal(fetched.mock.callCount(), 2)
  fetched.mock.restore()
})

test('a page on another host has no warnings, unless it wants them', async () => {
  const notes = [{ message: 'a mistake' }]
  for (const host of ['shop.example', 'notlocalhost', '127.0.0.1.example', '127.shop'])
    assert.deepEqual(await warned({ wrong: 1 }, notes, host), [], host)
  for (const host of ['localhost', 'a.b.localhost', '127.0.0.1', '127.1.2.3', '[::1]'])
    assert.equal((await warned({}, notes, host)).length, 1, host)
  assert.equal((await warned({ debug: true }, notes, 'shop.example')).length, 1)
})

const PRODUCER = '01M0V5J3N6QWERTY7X8Z9ABCDE'

function linkTo(server) {
  return `lamplight: events of this page: ${server}/events?producer=${PRODUCER} (live: ${server}/live?producer=${PRODUCER})`
}

test('one line at init links to the events of the page, without the key', async () => {
  const notes = [{ message: 'a mistake' }, { producer: PRODUCER, ids: [], count: 0 }]
  for (const [options, url, server] of [
    [{}, URL_OF_EVENTS, 'https://t.example'],
    [{}, 'https://shop.example/t/v1/events?key=wk_x', 'https://shop.example/t'],
    [{ path: '/a.b/$&' }, 'http://[::1]:8787/a.b/$&?key=wk_%3F', 'http://[::1]:8787'],
  ]) {
    mock.method(console, 'warn', () => {})
    const { atInit, texts } = await written('info', options, notes, { url, producer: PRODUCER })
    mock.restoreAll()
    assert.deepEqual(atInit, [linkTo(server)])
    assert.deepEqual(texts, atInit)
  }
})

test('a page that gets consent later has its line then', async () => {
  const begin = (page) => {
    page.producer = PRODUCER
  }
  const note = { producer: PRODUCER, ids: [], count: 0 }
  const { atInit, texts } = await written('info', { debug: true }, [note, begin, note, note], {
    hostname: 'shop.example',
  })
  assert.deepEqual(atInit, [])
  assert.deepEqual(texts, [linkTo('https://t.example')])
})

test('a page on another host has no line, unless it wants it', async () => {
  const page = { hostname: 'notlocalhost', producer: PRODUCER }
  assert.deepEqual((await written('info', {}, [{ reason: 'quota' }], page)).texts, [])
  assert.equal((await written('info', { debug: true }, [], page)).texts.length, 1)
})
