// A tab's last failure, which ends with the server's next 2xx.
import { clockTime } from './time.ts'

export interface LastFailure {
  text: string
  /** When a later request succeeded, in milliseconds since 1970; 0 while it lasts. */
  recoveredMs: number
}

export const NO_FAILURE: LastFailure = { text: '', recoveredMs: 0 }

export class FailureLog {
  #last = NO_FAILURE

  get last(): LastFailure {
    return this.#last
  }

  failed(text: string): void {
    this.#last = { text, recoveredMs: 0 }
  }

  /** The server acknowledged events. */
  succeeded(nowMs: number): void {
    if (this.#last.text !== '' && this.#last.recoveredMs === 0) this.#last = { ...this.#last, recoveredMs: nowMs }
  }
}

/** What a tab shows: the failure that lasts, when it recovered from the last one, or nothing. */
export function failureText({ text, recoveredMs }: LastFailure, backoffMs: number): string {
  if (text === '') return ''
  if (recoveredMs > 0) return `recovered at ${clockTime(recoveredMs)} (${text})`
  return backoffMs > 0 ? `${text}, retry in ${(backoffMs / 1_000).toFixed(1)} s` : text
}

/** A failure as `error` listeners get it, in a few words. */
export function failureWords({ message, status }: { message: string; status?: number }): string {
  if (status === undefined) return message
  return status === 0 ? 'no answer' : `status ${status}`
}
