// Where a page forbids WebAssembly: what stands in for its client until the translated one has been fetched.
import type { Core } from 'lamplight:host'
import { type Gate, PENDING_MAX } from './gate.ts'
import type { Make, More } from './glue.ts'
import { messageOf } from './json.ts'

/** A call that waits. */
export type Call = [name: keyof Core, given: unknown[]]

/** `open` starts the client, and `failed` hears why there is none. What is called until then is called again, as far as `gate` allows. */
export function standIn(
  cause: unknown,
  open: (make: Make, more: More) => Core,
  gate: Gate,
  failed: (message: string) => void,
): Core {
  const calls: Call[] = []
  import('./translated.js')
    .then(({ make, more, replay }) => replay(calls, () => open(make, more), gate))
    .catch((error: unknown) =>
      failed(`${messageOf(cause)}; allow 'wasm-unsafe-eval' in script-src. ${messageOf(error)}`),
    )
  return new Proxy({} as Core, {
    get:
      (_, name: keyof Core) =>
      (...given: unknown[]) => {
        if (name !== 'track' || calls.length < PENDING_MAX) calls.push([name, given])
      },
  })
}
