// Decides what becomes an event: consent, sampling, and the page's hooks. This comes before events
// are numbered, so what is left out makes no hole.
import { messageOf } from './json.ts'
import type { Consent, Draft, Options, Plugin, Reason } from './types.ts'

/**
 * Most events that wait for consent, or for the translated client of a page that forbids
 * WebAssembly. Newer ones are discarded.
 */
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

  /** The event to keep, or the reason why it is not kept. */
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
        // A half-changed event may be bad, but a lost event is worse.
        report(`a hook threw: ${messageOf(error)}`)
      }
      if (!kept) return 'filtered'
    }
    // The server scales sampled counts up by this rate.
    if (this.#sampleRate < 1 && kept.monitor?.kind === 'increment')
      kept.monitor = { rate: this.#sampleRate, ...kept.monitor }
    return kept
  }

  /** Takes the events that waited for consent. */
  takePending(): Draft[] {
    return this.#pending.splice(0)
  }
}
