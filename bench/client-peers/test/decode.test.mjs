// The server finds the events in whatever encoding a peer sends them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync, gzipSync } from 'node:zlib'
import { markOf, properties } from '../events.mjs'
import { eventsOf } from '../stand_in/decode.mjs'

const EVENTS = [{ properties: properties(7) }, { properties: properties(123_456) }]
const JSON_TEXT = JSON.stringify(EVENTS)
const BASE64 = Buffer.from(JSON_TEXT).toString('base64')

const numbersOf = (body, headers = {}, target = '/') => [...eventsOf(target, headers, Buffer.from(body))].sort()

const BODIES = {
  'JSON': [JSON_TEXT],
  'lines of JSON': [EVENTS.map((event) => JSON.stringify(event)).join('\n')],
  'gzip with a header': [gzipSync(JSON_TEXT), { 'content-encoding': 'gzip' }],
  'gzip without a header': [gzipSync(JSON_TEXT), { 'content-type': 'text/plain' }],
  'deflate with a header': [deflateSync(JSON_TEXT), { 'content-encoding': 'deflate' }],
  'a form with base64': [`data=${encodeURIComponent(BASE64)}&verbose=1`],
  'a form with JSON': [`data=${encodeURIComponent(JSON_TEXT)}`],
  'base64 for addresses within JSON': [JSON.stringify({ ue_px: Buffer.from(JSON_TEXT).toString('base64url') })],
  'a query with base64': ['', {}, `/i?e=${Buffer.from(JSON_TEXT).toString('base64url')}`],
}

for (const [name, request] of Object.entries(BODIES))
  test(`events are found in ${name}`, () => assert.deepEqual(numbersOf(...request), [123_456, 7]))

test('a request without events has none', () => {
  assert.deepEqual(numbersOf('', {}, '/sourceConfig/?writeKey=bench'), [])
  assert.deepEqual(numbersOf(JSON.stringify({ sent_at: '2026-11-30', note: 'x'.repeat(100) })), [])
})

test('an unknown encoding and a broken body are errors, not requests without events', () => {
  assert.throws(() => numbersOf(JSON_TEXT, { 'content-encoding': 'compress' }), /unknown content encoding 'compress'/)
  assert.throws(() => numbersOf(gzipSync(JSON_TEXT).subarray(0, 40), { 'content-encoding': 'gzip' }))
})

test('each event has its own mark and about 300 bytes', () => {
  assert.equal(new Set(Array.from({ length: 1_000 }, (_, number) => markOf(number))).size, 1_000)
  for (const number of [0, 1, 999_999]) {
    const { length } = JSON.stringify(properties(number))
    assert.ok(length > 250 && length < 350, `${length} bytes`)
  }
})
