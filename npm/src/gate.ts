// Decides what becomes an event: consent, sampling, and the page's hooks. This comes before events
// are numbered, so what is left out makes no hole.
import { messageOf } from './json.ts'
import type { Consent, Draft, Options, Plugin, Reason } from './types.ts'

export class Gate {
  consent: Consent
  readonly #sampleRate: number
  readonly #hooks: NonNullable<Plugin['beforeEnqueue']>[] = []

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
    if (this.#sampleRate < 1 && Math.random() >= this.#sampleRate) return 'sampled_out'
    let kept: Draft | null = draft
    for (const hook of this.#hooks) {
      try {
        kept = hook(kept)
        if (kept === null) return 'filtered'
        if (typeof kept !== 'object' || !('name' in kept))
          throw TypeError('return the event, or null to discard it; a promise is too late')
      } catch (error) {
        // The hook may be there to remove what must not leave the page.
        report(`beforeEnqueue failed, so the event is not kept: ${messageOf(error)}`)
        return 'filtered'
      }
    }
    // The server scales sampled counts up by this rate.
    return this.#sampleRate < 1 && kept.monitor?.kind === 'increment'
      ? { ...kept, monitor: { rate: this.#sampleRate, ...kept.monitor } }
      : kept
  }
}
