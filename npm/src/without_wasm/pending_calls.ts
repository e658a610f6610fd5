// Takes a client's calls on a page that forbids WebAssembly, until the translated client has
// loaded.
import type { Core } from 'lamplight:host'
import { type Gate, PENDING_MAX } from '../gate.ts'
import type { FullGlue, Make } from '../glue.ts'
import { messageOf } from '../json.ts'
import type { Call } from './call.ts'

/**
 * A core that records its calls. When the translated client has loaded, `open` starts it, and the
 * calls are repeated on it as far as `gate` allows. If it cannot load, `failed` is called with the
 * reason; `cause` is why WebAssembly did not run.
 */
export function recordCalls(
  cause: unknown,
  open: (make: Make, fullGlue: FullGlue) => Core,
  gate: Gate,
  failed: (message: string) => void,
): Core {
  const calls: Call[] = []
  import('./translated.js')
    .then(({ make, fullGlue, replay }) => replay(calls, () => open(make, fullGlue), gate))
    .catch((error: unknown) =>
      failed(`${messageOf(cause)}; allow 'wasm-unsafe-eval' in script-src. ${messageOf(error)}`),
    )
  return new Proxy({} as Core, {
    get:
      (_, name: keyof Core) =>
      (...args: unknown[]) => {
        if (name !== 'track' || calls.length < PENDING_MAX) calls.push([name, args])
      },
  })
}
