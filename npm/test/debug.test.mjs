// Warnings about mistakes: which name was meant, and how often a mistake is reported.
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

/** The warnings of a page with these options, which then gets these notes. */
async function warned(options, notes, hostname = 'localhost') {
  globalThis.location = { hostname }
  const { warnings } = await loadSource('debug.ts')
  const warn = mock.method(console, 'warn', () => {})
  const tell = warnings({ url: '/', key: 'wk_x', ...options }, 'https://t.example/v1/events?key=wk_x')
  for (const note of notes) tell(note)
  await new Promise((resolve) => setTimeout(resolve, 20))
  const texts = warn.mock.calls.map((call) => call.arguments.join(' '))
  warn.mock.restore()
  delete globalThis.location
  return texts
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
