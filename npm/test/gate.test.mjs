// Consent, sampling and hooks, which all come before events are numbered.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('../src/gate.ts', import.meta.url))],
  bundle: true,
  format: 'esm',
  write: false,
})
const { Gate } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)

const draft = (name = 'opened') => ({ name, ts: 1 })
const noReport = () => assert.fail('unexpected report')

test('after consent is denied no event passes', () => {
  const gate = new Gate({ consent: 'denied' })
  assert.equal(gate.pass(draft(), noReport), 'consent_denied')
})

test('each hook gets the result of the previous one, and any hook can discard an event', () => {
  const gate = new Gate({ beforeEnqueue: (event) => ({ ...event, name: `${event.name}.first` }) })
  gate.add((event) => (event.name === 'secret.first' ? null : { ...event, name: `${event.name}.second` }))
  assert.equal(gate.pass(draft(), noReport).name, 'opened.first.second')
  assert.equal(gate.pass(draft('secret'), noReport), 'filtered')
})

test('a hook that fails discards the event and is reported, because it may redact', async () => {
  const returned = [undefined, true, false, 'event', Promise.resolve(draft()), () => draft(), {}]
  for (const hook of [...returned.map((value) => () => value), 'no function']) {
    const reports = []
    const gate = new Gate({ beforeEnqueue: hook })
    assert.equal(
      gate.pass(draft(), (message) => reports.push(message)),
      'filtered',
    )
    assert.equal(reports.length, 1)
    assert.match(reports[0], /^beforeEnqueue failed, so the event is not kept: /)
  }
  const gate = new Gate({
    beforeEnqueue: () => {
      throw new Error('not today')
    },
  })
  gate.pass(draft(), (message) => assert.match(message, /not today/))
})

test('a hook may return a frozen event, also of a sampled count', () => {
  const gate = new Gate({ sampleRate: 0.999_999, beforeEnqueue: Object.freeze })
  assert.equal(gate.pass({ ...draft(), monitor: { kind: 'increment' } }, noReport).monitor.rate, 0.999_999)
})

test('sampling keeps the given fraction, and a kept count carries its rate', () => {
  const gate = new Gate({ sampleRate: 0.25 })
  const kept = Array.from({ length: 4_000 }, () =>
    gate.pass({ ...draft(), monitor: { kind: 'increment' } }, noReport),
  ).filter((one) => one !== 'sampled_out')
  // Twelve standard deviations to either side.
  assert.ok(kept.length > 650 && kept.length < 1_350, `${kept.length} of 4,000`)
  assert.ok(kept.every(({ monitor }) => monitor.rate === 0.25))
  assert.equal(new Gate({ sampleRate: 0 }).pass(draft(), noReport), 'sampled_out')
})
