// The full client as JavaScript, for pages that forbid WebAssembly; only they fetch it. wasm2js
// translates the same code. WebAssembly without its later features passes no objects, so here an
// object is passed as a number.

import type { Core } from 'lamplight:host'
import instantiate from 'lamplight:translated'
import type { Gate } from '../gate.ts'
import type { Exports, Make } from '../glue.ts'
import type { Call } from './call.ts'

export { fullGlue } from '../full_glue.ts'

export const make: Make = (imports) => {
  const { wasm_overflow, wasm_awaitOverflow } = imports as Record<string, (...args: unknown[]) => unknown>
  const jobs = new Map<unknown, unknown>()
  let lastJob = 0
  return instantiate({
    ...imports,
    wasm_overflow: (...args: unknown[]) => {
      lastJob += 1
      jobs.set(lastJob, wasm_overflow?.(...args))
      return lastJob
    },
    wasm_awaitOverflow: (host: number, id: number, job: number) => {
      wasm_awaitOverflow?.(host, id, jobs.get(job))
      jobs.delete(job)
    },
  }) as Exports
}

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
