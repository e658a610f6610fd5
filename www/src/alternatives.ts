// Other methods of storing the events of several tabs in localStorage, for comparison. All use one
// array that every tab reads, changes and writes.

export type Way = 'array' | 'mutex' | 'web_locks'

/** A key that only the demo uses. */
export const ARRAY_KEY = 'lamplight-demo:array'
const X_KEY = 'lamplight-demo:x'
const Y_KEY = 'lamplight-demo:y'
const WEB_LOCK = 'lamplight-demo:array'

/** A tab acts on a step with this probability, so that the tabs do not act in lockstep. */
export const CHANCE = 0.5
/** 50 ms in steps of 10 ms: how long npm's fast-mutex waits on contention. */
const CONTENTION_STEPS = 5

/**
 * One tab's part in one comparison. The dashboard sends the steps, because browsers throttle the
 * timers of hidden tabs.
 */
export class Alternative {
  made = 0
  readonly #tab: string
  readonly #way: Way
  #isBusy = false
  #hasEnded = false
  #waiting: (() => void)[] = []

  constructor(tab: string, way: Way) {
    this.#tab = tab
    this.#way = way
  }

  step(): void {
    for (const resume of this.#waiting.splice(0)) resume()
    if (this.#isBusy || this.#hasEnded || Math.random() > CHANCE) return
    this.#isBusy = true
    void this.#add().finally(() => (this.#isBusy = false))
  }

  end(): void {
    this.#hasEnded = true
  }

  async #add(): Promise<void> {
    if (this.#way === 'array') this.#push()
    else if (this.#way === 'web_locks') await navigator.locks.request(WEB_LOCK, () => this.#push())
    else await this.#underMutex()
  }

  /** What SDKs do that keep their queue under one key. */
  #push(): void {
    if (this.#hasEnded) return
    const array = JSON.parse(localStorage.getItem(ARRAY_KEY) ?? '[]') as string[]
    this.made += 1
    array.push(`${this.#tab}-${this.made}`)
    localStorage.setItem(ARRAY_KEY, JSON.stringify(array))
  }

  /**
   * Lamport, "A Fast Mutual Exclusion Algorithm", ACM TOCS 5(1), 1987, Algorithm 1, with
   * localStorage as registers, like npm's fast-mutex: it does not pause between its steps, so it
   * reads stale values.
   */
  async #underMutex(): Promise<void> {
    for (;;) {
      if (this.#hasEnded) return
      localStorage.setItem(X_KEY, this.#tab)
      if (localStorage.getItem(Y_KEY) !== null) {
        await this.#steps(1)
        continue
      }
      localStorage.setItem(Y_KEY, this.#tab)
      if (localStorage.getItem(X_KEY) !== this.#tab) {
        await this.#steps(CONTENTION_STEPS)
        if (localStorage.getItem(Y_KEY) !== this.#tab) continue
      }
      this.#push()
      localStorage.removeItem(Y_KEY)
      return
    }
  }

  async #steps(count: number): Promise<void> {
    for (let step = 0; step < count; step += 1) await new Promise<void>((resume) => this.#waiting.push(resume))
  }
}

/** Counts the distinct events in the array, and deletes the array. */
export function takeKept(storage: Storage): number {
  const kept = new Set(JSON.parse(storage.getItem(ARRAY_KEY) ?? '[]') as string[]).size
  for (const key of [ARRAY_KEY, X_KEY, Y_KEY]) storage.removeItem(key)
  return kept
}
