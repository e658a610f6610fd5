// The whole module as JavaScript, for pages that forbid WebAssembly: the same code, translated from the same build. Fetched by
// them only. What differs is how wasm-bindgen passes what JavaScript would not take from WebAssembly without later features: an
// object goes by a number.

import type { Core } from 'lamplight:host'
import instantiate from 'lamplight:translated'
import type { Gate } from './gate.ts'
import type { Exports, Make } from './glue.ts'
import type { Call } from './stand_in.ts'

export { more } from './more.ts'

export const make: Make = (imports) => {
  const { wasm_overflow, wasm_told } = imports as Record<string, (...given: unknown[]) => unknown>
  const works = new Map<unknown, unknown>()
  let lastWork = 0
  return instantiate({
    ...imports,
    wasm_overflow: (...given: unknown[]) => {
      lastWork += 1
      works.set(lastWork, wasm_overflow?.(...given))
      return lastWork
    },
    wasm_told: (host: number, id: number, work: number) => {
      wasm_told?.(host, id, works.get(work))
      works.delete(work)
    },
  }) as Exports
}

/**
 * Has the client that `open` starts hear, in their order, the calls that came before it was there. What somebody did before they
 * withdrew their consent, here or on an earlier page, is never made an event.
 */
export function replay(calls: Call[], open: () => Core, gate: Gate): void {
  const { consent } = gate
  const core = open()
  // It was withdrawn on an earlier page: that is heard when the client starts.
  let isWithdrawn = gate.consent !== consent
  let withdrawals = calls.filter(([name]) => name === 'withdraw').length
  for (const [name, given] of calls) {
    if (name === 'withdraw') withdrawals -= 1
    if (name === 'consent') isWithdrawn = false
    if ((withdrawals || isWithdrawn) && (name === 'track' || name === 'identify')) continue
    ;(core[name] as (...given: unknown[]) => unknown)(...given)
  }
  // As decided last, whatever was told of withdrawals before it.
  gate.consent = isWithdrawn ? 'denied' : consent
}
