// The short form of the loss table: Lamplight beside a peer that keeps events in memory only. It
// asserts counts, never a time.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { playLoss } from './cells/loss.mjs'
import { peersNamed } from './peers.mjs'
import { measureAll } from './run.mjs'
import { scenariosNamed } from './scenarios.mjs'

const PEERS = peersNamed(['lamplight', 'posthog'])
/** What a peer has not sent by then is lost with its memory. */
const SHORT = { waitMs: 20_000, pokeWaitMs: 1_000 }
const results = new Map()

before(async () => {
  const cells = scenariosNamed(['killed_at_once', 'navigation']).map((scenario) => ({
    name: scenario.name,
    measure: (peer, env) => playLoss({ ...scenario, ...SHORT }, peer, env),
  }))
  await measureAll({ cells, peers: PEERS, runs: 1, concurrent: 4 }, (cell, peer, result) =>
    results.set(`${cell.name} ${peer.name}`, result),
  )
})

after(() => console.log(Object.fromEntries(results)))

test('Lamplight loses no event of a killed tab while the server is down', () => {
  const { sent, lost, problems } = results.get('killed_at_once lamplight')
  assert.deepEqual({ sent, lost, problems }, { sent: 100, lost: 0, problems: [] })
})

test('Lamplight loses no event of a page that leaves in the same task', () => {
  const { sent, lost, problems } = results.get('navigation lamplight')
  assert.deepEqual({ sent, lost, problems }, { sent: 100, lost: 0, problems: [] })
})

test('the same kill costs a peer that keeps events in memory all of them', () => {
  const { lost, lostAfterPoke } = results.get('killed_at_once posthog')
  assert.deepEqual({ lost, lostAfterPoke }, { lost: 100, lostAfterPoke: 100 })
})
