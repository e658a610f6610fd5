import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from './load.mjs'

const { FailureLog, failureText, failureWords } = await load('failure.ts')
const atMs = new Date(2026, 0, 2, 12, 3, 4, 5).getTime()

test('a failure lasts until the next success, and then says when it ended', () => {
  const log = new FailureLog()
  assert.equal(failureText(log.last, 0), '')
  log.succeeded(atMs)
  assert.equal(failureText(log.last, 0), '', 'a success alone is no recovery')
  log.failed('status 503')
  assert.equal(failureText(log.last, 1_500), 'status 503, retry in 1.5 s')
  assert.equal(failureText(log.last, 0), 'status 503', 'while the retry is under way')
  log.succeeded(atMs)
  log.succeeded(atMs + 60_000)
  assert.equal(failureText(log.last, 0), 'recovered at 12:03:04.005 (status 503)')
  log.failed('no answer')
  assert.equal(failureText(log.last, 0), 'no answer')
})

test('a failure is a status, no answer, or the message of an error of the client', () => {
  assert.equal(failureWords({ message: 'the server answered 503', status: 503 }), 'status 503')
  assert.equal(failureWords({ message: 'the server did not answer', status: 0 }), 'no answer')
  assert.equal(failureWords({ message: 'a hook threw: no' }), 'a hook threw: no')
})
