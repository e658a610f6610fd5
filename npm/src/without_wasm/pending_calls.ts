// Takes a client's calls on a page that forbids WebAssembly, until the translated client has
// loaded.
import type { Core, CoreModule } from '../core.ts'
import { type Gate, PENDING_MAX } from '../gate.ts'
import { messageOf } from '../json.ts'
import type { Call } from './call.ts'

/**
 * A core that records its calls. When the translated client has loaded, `open` starts it, and the
 * calls are repeated on it as far as `gate` allows. If it cannot load, `failed` is called with the
 * reason; `cause` is why WebAssembly did not run.
 */
export function recordCalls(
  cause: unknown,
  open: (module: CoreModule) => Core,
  gate: Gate,
  failed: (message: string) => void,
): Core {
  const calls: Call[] = []
  import('./translated.js')
    .then(({ translated, replay }) => replay(calls, () => open(translated), gate))
    .catch((error: unknown) =>
      failed(`${messageOf(cause)}; allow 'wasm-unsafe-eval' in script-src. ${messageOf(error)}`),
    )
  return new Proxy({} as Core, {
    get:
      (_, name: keyof Core) =>
      (...args: unknown[]) => {
        if (name === 'stats') return undefined
        if (name !== 'track' || calls.length < PENDING_MAX) calls.push([name, args])
        // An event gets its number later. Every other call is done, or rather will be.
        return name === 'track' ? undefined : true
      },
  })
}
