// The full client as JavaScript, for pages that forbid WebAssembly; only they fetch it. wasm2js
// translates the same code, compiled without the later features of WebAssembly.

import { initSync } from 'lamplight:full'
import type { Gate } from '../gate.ts'
import { CONSENT, OF_USER, type WaitingCall } from './pending_calls.ts'

initSync()

export { functions as translated } from '../full_functions.ts'

/**
 * Repeats the waiting calls, in their order, on the client that `open` starts. What users did after
 * they withdrew their consent on an earlier page never becomes an event.
 */
export function replay(
  open: () => void,
  gate: Gate,
  waiting: WaitingCall[],
  repeat: (...call: WaitingCall) => void,
): void {
  const { consent } = gate
  open()
  // The client reports at its start if consent was withdrawn on an earlier page.
  let isWithdrawn = gate.consent !== consent
  for (const [call, kind] of waiting) {
    if (kind === CONSENT) isWithdrawn = false
    if (!isWithdrawn || kind !== OF_USER) repeat(call, kind)
  }
  // The last decision holds, whatever the repeated withdrawals set in between.
  gate.consent = isWithdrawn ? 'denied' : consent
}
