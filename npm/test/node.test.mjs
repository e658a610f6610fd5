// Where there is no page, every method does nothing; `init` throws if an option is invalid.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { init } from 'lamplight'
import { load } from 'lamplight/slim'

const options = { url: 'https://t.example.com', key: 'wk_test' }

test('in Node every method does nothing and returns unavailable', async () => {
  const lamplight = init(options)
  assert.deepEqual(lamplight.track('opened', { a: 1 }), { id: '', seq: 0, stored: false, reason: 'unavailable' })
  assert.equal(lamplight.increment('clicks').stored, false)
  assert.equal(lamplight.timer('load')().stored, false)
  assert.equal(lamplight.page().stored, false)
  assert.equal(lamplight.gauge('tabs', 3).stored, false)
  assert.equal(lamplight.timing('load', 3).stored, false)
  assert.equal(lamplight.identify('u1').reason, 'unavailable')
  lamplight.reset()
  lamplight.setConsent('pending')
  assert.equal(lamplight.track('opened').reason, 'consent_pending')
  lamplight.forget()
  assert.equal(lamplight.track('opened').reason, 'consent_denied')
  lamplight.setConsent('granted')
  assert.equal(lamplight.track('opened').reason, 'unavailable')
  await assert.rejects(lamplight.delivered('x-1'), /not of this page/)
  assert.deepEqual(await lamplight.flush(), { sent: 0, queued: 0 })
  assert.equal(lamplight.stats().made, 0)
  lamplight.on('delivered', () => assert.fail('nothing is delivered'))()
  lamplight.close()
})

test('the slim entry does nothing in Node either', async () => {
  const start = await load()
  assert.equal(start(options).track('opened').reason, 'unavailable')
})

test('the script does nothing where there is no page', async () => {
  await import('lamplight/snippet')
  assert.equal(typeof globalThis.lamplight, 'undefined')
})

test('an invalid id is refused and reported, and does not reset the user', () => {
  const lamplight = init(options)
  const errors = []
  lamplight.on('error', ({ message }) => errors.push(message))
  for (const id of ['', '  ', null, undefined, Number.NaN, {}])
    assert.equal(lamplight.identify(id).reason, 'invalid', String(id))
  assert.equal(errors.length, 6)
  assert.match(errors[0], /identify: '' is not an id/)
})

test('an invalid consent is refused and reported, and the previous one still holds', () => {
  const lamplight = init({ ...options, consent: 'denied' })
  const errors = []
  lamplight.on('error', ({ message }) => errors.push(message))
  for (const consent of ['yes', '', undefined, true]) lamplight.setConsent(consent)
  assert.equal(errors.length, 4)
  assert.equal(lamplight.track('opened').reason, 'consent_denied')
  assert.throws(() => init({ ...options, consent: 'yes' }), /'consent' must be/)
})

test('while a server renders, a path of the page is an address', () => {
  assert.equal(init({ ...options, url: '/telemetry' }).track('opened').reason, 'unavailable')
})

test('init throws on an invalid option and names it', () => {
  for (const [wrong, message] of [
    [{ key: '' }, /'key' must be a write key/],
    [{ url: 'not an address' }, /'url' must be the server's address/],
    [{ url: 'ftp://t.example.com' }, /'url' must be/],
    [{ url: undefined }, /'url' must be the server's address, such as .* not 'undefined'/],
    [{ url: '' }, /'url' must be .* not ''/],
    [{ url: 'https://me:secret@t.example.com' }, /'url' must be/],
    [{ path: 'v1/events' }, /'path' must be a path such as '\/v1\/events'/],
    [{ intervalMs: -1 }, /'intervalMs' must be a whole number above 0/],
    [{ maxEvents: 1.5 }, /'maxEvents' must be/],
    [{ storage: { overflowMaxBytes: 0 } }, /'storage.overflowMaxBytes' must be/],
    [{ storage: { maxBytes: Number.NaN } }, /'storage.maxBytes' must be/],
    [{ liveness: 'never' }, /'liveness' must be/],
  ]) {
    assert.throws(() => init({ ...options, ...wrong }), message)
  }
})
