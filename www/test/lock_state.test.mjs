import assert from 'node:assert/strict'
import { test } from 'node:test'
import { load } from './load.mjs'

const { lockState, lockText } = await load('lock_state.ts')

const tab = (number, phase = 'idle', isOpen = true) => ({ number, producer: `P${number}`, phase, isOpen })
const title = (keys, ...tabs) => lockText(lockState({ y: '', lease: '', ...keys }, tabs)).title

test('the lock is free if no tab holds or claims it', () => {
  assert.equal(title({}, tab(1), tab(2, 'releasing')), 'Free')
})

test('a tab on its way to the lock claims it, whether its key is there already or not', () => {
  for (const phase of ['requesting', 'claiming', 'checking'])
    assert.equal(title({}, tab(1), tab(2, phase)), 'Being claimed by Tab 2', phase)
  assert.equal(title({ y: 'P1.3.250' }, tab(1), tab(2)), 'Being claimed by Tab 1')
  assert.equal(title({ y: 'P1.3.250' }, tab(1, 'claiming'), tab(2, 'requesting')), 'Being claimed by Tab 1, Tab 2')
})

test('the lease says who holds the lock, also while others claim it', () => {
  assert.equal(title({ lease: 'P2:4:17' }, tab(1, 'requesting'), tab(2)), 'Held by Tab 2')
})

test('a claim or a lease of a tab that has ended is shown as such', () => {
  const ended = tab(1, 'claiming', false)
  assert.equal(title({ y: 'P1.3.250' }, ended, tab(2)), 'Claimed by a tab that has ended')
  const claimed = lockText(lockState({ y: 'P1.3.250', lease: '' }, [ended, tab(2, 'requesting')]))
  assert.equal(claimed.title, 'Being claimed by Tab 2')
  assert.match(claimed.detail, /Tab 1 claimed it and has ended/)
  assert.match(lockText(lockState({ y: '', lease: 'P1:4:17' }, [ended])).detail, /has ended/)
  assert.match(title({ lease: '00000000000000000000abcdef:1:1' }), /a tab that is not listed \(…abcdef\)/)
})
