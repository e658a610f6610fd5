// Takes the place of `pending_calls.ts` in the entry `lamplight/worker`: service workers may not
// load the translated client, so there WebAssembly must be allowed.
import type { Core } from '../core.ts'
import { messageOf } from '../json.ts'

export function recordCalls(cause: unknown): Core {
  throw new Error(`${messageOf(cause)}; allow 'wasm-unsafe-eval' in the script-src of the worker`)
}
