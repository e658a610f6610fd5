// The whole module as JavaScript, for pages that forbid WebAssembly: the same code, translated from the same build. Fetched by
// them only. What differs is how wasm-bindgen passes what JavaScript would not take from WebAssembly without later features:
// a pair comes back through the stack, and an object goes by a number.
import instantiate from 'lamplight:translated'
import type { Core } from 'lamplight:host'
import type { Gate } from './gate.ts'
import type { Exports, Make, Pair } from './glue.ts'
import type { Call } from './stand_in.ts'

export { more } from './more.ts'

interface Translated extends Omit<Exports, 'wasm_producer' | 'wasm_stats'> {
  wasm_add_to_stack_pointer(bytes: number): number
  wasm_producer(to: number, core: number): void
  wasm_stats(to: number, core: number): void
}

export const make: Make = (imports) => {
  const { wasm_overflow, wasm_told } = imports as Record<string, (...given: unknown[]) => unknown>
  const works = new Map<unknown, unknown>()
  let lastWork = 0
  const wasm = instantiate({
    ...imports,
    wasm_overflow: (...given: unknown[]) => {
      works.set((lastWork += 1), wasm_overflow?.(...given))
      return lastWork
    },
    wasm_told: (host: number, id: number, work: number) => {
      wasm_told?.(host, id, works.get(work))
      works.delete(work)
    },
  }) as Translated
  const pair = (fill: (to: number, core: number) => void) => (core: number): Pair => {
    const at = wasm.wasm_add_to_stack_pointer(-16)
    fill(at, core)
    // Copied before the stack is anybody else's.
    const [text = 0, bytes = 0] = new Uint32Array(wasm.memory.buffer, at, 2)
    wasm.wasm_add_to_stack_pointer(16)
    return [text, bytes]
  }
  return { ...wasm, wasm_producer: pair(wasm.wasm_producer), wasm_stats: pair(wasm.wasm_stats) }
}

/**
 * Has a client hear, in their order, the calls that came before it was there. What somebody did before they withdrew their
 * consent, here or on an earlier page, is never made an event.
 */
export function replay(calls: Call[], core: Core, gate: Gate): void {
  const { consent } = gate
  let [withdrawals, isWithdrawn] = [calls.filter(([name]) => name === 'withdraw').length, false]
  for (const [name, given] of calls) {
    if (name === 'withdraw') withdrawals -= 1
    if (name === 'consent') isWithdrawn = false
    if ((withdrawals || isWithdrawn) && (name === 'track' || name === 'identify')) continue
    const told = (core[name] as (...given: unknown[]) => unknown)(...given)
    if (name !== 'withdrawn' || !told) continue
    isWithdrawn = true
    core.withdraw(false)
  }
  // As decided last, whatever was told of withdrawals before it.
  gate.consent = isWithdrawn ? 'denied' : consent
}
