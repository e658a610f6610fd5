// What waits on a page that forbids WebAssembly until the translated client has been fetched.
import type { Core } from '../core.ts'

/** A call that an event or an id of the user makes: a withdrawal of consent cancels it. */
export const OF_USER = 1
/** The user gave consent. A later withdrawal cancels it. */
export const CONSENT = 2
/** A change of the context or a reset: it waits for consent, but no withdrawal cancels it. */
export const LASTING = 3

/** A call of the module that waits, and which of the kinds it is, if any. */
export type WaitingCall = [call: (core: Core) => boolean | undefined, kind?: number]
