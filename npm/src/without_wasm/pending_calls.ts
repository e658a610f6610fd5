// Fetches the translated client on a page that forbids WebAssembly, where calls wait for it.
import type { Core, CoreModule } from '../core.ts'
import type { Gate } from '../gate.ts'
import { messageOf } from '../json.ts'

/** A call that an event or an id of the user makes: a withdrawal of consent cancels it. */
export const OF_USER = 1
/** The user gave consent. A later withdrawal cancels it. */
export const CONSENT = 2
/** A change of the context or a reset: it waits for consent, but no withdrawal cancels it. */
export const LASTING = 3

/** A call of the module that waits, and which of the kinds it is, if any. */
export type WaitingCall = [call: (core: Core) => boolean | undefined, kind?: number]

/**
 * When the translated client has loaded, `open` starts it, and `repeat` gets the calls of `waiting`
 * that `gate` allows, in their order. If it cannot load, `failed` gets the reason; `cause` is why
 * WebAssembly did not run.
 */
export function loadTranslated(
  cause: unknown,
  open: (module: CoreModule) => void,
  gate: Gate,
  waiting: WaitingCall[],
  repeat: (...call: WaitingCall) => void,
  failed: (message: string) => void,
): void {
  import('./translated.js')
    .then(({ translated, replay }) => replay(() => open(translated), gate, waiting, repeat))
    .catch((error: unknown) =>
      failed(`${messageOf(cause)}; allow 'wasm-unsafe-eval' in script-src. ${messageOf(error)}`),
    )
}
