// Where there is no page, everything is a quiet no-op; options that cannot work are told at once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { init } from 'lamplight'
import { load } from 'lamplight/slim'

const options = { url: 'https://t.example.com', key: 'wk_test' }

test('in Node every method does nothing and says so', async () => {
  const lamplight = init(options)
  assert.deepEqual(lamplight.track('opened', { a: 1 }), { id: '', seq: 0, stored: false, reason: 'unavailable' })
  assert.equal(lamplight.increment('clicks').stored, false)
  assert.equal(lamplight.timer('load')().stored, false)
  assert.equal(lamplight.page().stored, false)
  lamplight.identify('u1')
  lamplight.reset()
  assert.deepEqual(await lamplight.flush(), { sent: 0, queued: 0 })
  assert.equal(lamplight.stats().made, 0)
  lamplight.on('delivered', () => assert.fail('nothing is delivered'))()
  lamplight.close()
})

test('the slim entry is as quiet in Node', async () => {
  const start = await load()
  assert.equal(start(options).track('opened').reason, 'unavailable')
})

test('options that cannot work are told at init, by name', () => {
  for (const [wrong, message] of [
    [{ key: '' }, /'key' must be a write key/],
    [{ url: 'not an address' }, /'url' must be the server's address/],
    [{ url: 'ftp://t.example.com' }, /'url' must be/],
    [{ intervalMs: -1 }, /'intervalMs' must be a whole number above 0/],
    [{ maxEvents: 1.5 }, /'maxEvents' must be/],
    [{ storage: { overflowMaxBytes: 0 } }, /'storage.overflowMaxBytes' must be/],
    [{ storage: { maxBytes: Number.NaN } }, /'storage.maxBytes' must be/],
    [{ liveness: 'never' }, /'liveness' must be/],
  ]) {
    assert.throws(() => init({ ...options, ...wrong }), message)
  }
})
