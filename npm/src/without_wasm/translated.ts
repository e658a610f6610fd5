// The full client as JavaScript, for pages that forbid WebAssembly; only they fetch it. wasm2js
// translates the same code, compiled without the later features of WebAssembly.

import { initSync } from 'lamplight:full'
import type { Core } from '../core.ts'
import type { Gate } from '../gate.ts'
import type { Call } from './call.ts'

initSync()

export { functions as translated } from '../full_functions.ts'

/**
 * Repeats the recorded calls, in their order, on the client that `open` starts. What users did
 * before they withdrew their consent, here or on an earlier page, never becomes an event.
 */
export function replay(calls: Call[], open: () => Core, gate: Gate): void {
  const { consent } = gate
  const core = open()
  // The client reports at its start if consent was withdrawn on an earlier page.
  let isWithdrawn = gate.consent !== consent
  let withdrawals = calls.filter(([name]) => name === 'withdraw').length
  for (const [name, args] of calls) {
    if (name === 'withdraw') withdrawals -= 1
    if (name === 'consent') isWithdrawn = false
    if ((withdrawals || isWithdrawn) && (name === 'track' || name === 'identify')) continue
    ;(core[name] as (...args: unknown[]) => unknown)(...args)
  }
  // The last decision holds, whatever the repeated withdrawals set in between.
  gate.consent = isWithdrawn ? 'denied' : consent
}
