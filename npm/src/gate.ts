// What is allowed to become an event: consent, sampling, and the hooks of the page's code. All of it before a number is
// given, so that what is left out makes no hole.
import { messageOf } from './json.ts'
import type { Consent, Draft, Options, Plugin, Reason } from './types.ts'

/** Most events that wait for consent, or for the client of a page that forbids WebAssembly; newer ones are left out. */
export const PENDING_MAX = 1_000

export class Gate {
  consent: Consent
  readonly #sampleRate: number
  readonly #hooks: NonNullable<Plugin['beforeEnqueue']>[] = []
  #pending: Draft[] = []

  constructor({ consent = 'granted', sampleRate = 1, beforeEnqueue }: Options) {
    this.consent = consent
    this.#sampleRate = sampleRate
    if (beforeEnqueue) this.#hooks.push(beforeEnqueue)
  }

  add(hook: NonNullable<Plugin['beforeEnqueue']>): void {
    this.#hooks.push(hook)
  }

  /** The event as it is to be kept, or why it is not. */
  pass(draft: Draft, report: (message: string) => void): Draft | Reason {
    if (this.consent === 'denied') return 'consent_denied'
    if (this.consent === 'pending') {
      if (this.#pending.length < PENDING_MAX) this.#pending.push(draft)
      return 'consent_pending'
    }
    if (this.#sampleRate < 1 && Math.random() >= this.#sampleRate) return 'sampled_out'
    let kept: Draft | null = draft
    for (const hook of this.#hooks) {
      try {
        kept = hook(kept)
      } catch (error) {
        // Half a change may be worse than none, but an event that is lost for it is worse still.
        report(`a hook threw: ${messageOf(error)}`)
      }
      if (!kept) return 'filtered'
    }
    // What is left of a count stands for all of it.
    if (this.#sampleRate < 1 && kept.monitor?.kind === 'increment')
      kept.monitor = { rate: this.#sampleRate, ...kept.monitor }
    return kept
  }

  /** What waited for consent; nothing waits any more. */
  takePending(): Draft[] {
    return this.#pending.splice(0)
  }
}
