// Where a page forbids WebAssembly: what stands in for its client until the translated one has been fetched.
import type { Core } from 'lamplight:host'
import type { Make, More } from './glue.ts'
import { messageOf } from './json.ts'

/** A call that waits. */
export type Call = [name: keyof Core, given: unknown[]]

/** Most calls that wait; newer events are left out. */
const WAITING_MAX = 1_000

/** `open` starts the client, and `failed` hears why there is none. What is called until then is called again. */
export function standIn(
  cause: unknown,
  open: (make: Make, more: More, replay: (core: Core) => boolean) => void,
  failed: (message: string) => void,
): Core {
  const calls: Call[] = []
  import('./translated.js')
    .then(({ make, more, replay }) => open(make, more, (core) => replay(calls, core)))
    .catch((error: unknown) => failed(`${messageOf(cause)} (allow 'wasm-unsafe-eval' in script-src); without it: ${messageOf(error)}`))
  return new Proxy({} as Core, {
    get: (_, name: keyof Core) => (...given: unknown[]) => {
      if (name !== 'track' || calls.length < WAITING_MAX) calls.push([name, given])
    },
  })
}
