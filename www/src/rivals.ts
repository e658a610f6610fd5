// Other ways to keep the events of several tabs in localStorage, to compare with: one array that all tabs read, change and write.

export type Way = 'array' | 'mutex' | 'web_locks'

/** A key of the demo's own; the SDK never looks at it. */
export const ARRAY_KEY = 'lamplight-demo:array'
const X_KEY = 'lamplight-demo:x'
const Y_KEY = 'lamplight-demo:y'
const WEB_LOCK = 'lamplight-demo:array'

/** A tab acts on a beat with this chance, so that the tabs do not march in step. */
export const CHANCE = 0.5
/** 50 ms, as npm's fast-mutex waits when it meets another, in beats of 10 ms. */
const CONTENTION_BEATS = 5

/** One tab's part in one comparison. It moves on beats from the dashboard, because timers of hidden tabs are throttled. */
export class Rival {
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

  beat(): void {
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

  /** What every SDK does that keeps its queue under one key. */
  #push(): void {
    if (this.#hasEnded) return
    const array = JSON.parse(localStorage.getItem(ARRAY_KEY) ?? '[]') as string[]
    this.made += 1
    array.push(`${this.#tab}-${this.made}`)
    localStorage.setItem(ARRAY_KEY, JSON.stringify(array))
  }

  /**
   * Lamport, "A Fast Mutual Exclusion Algorithm", ACM TOCS 5(1), 1987, Algorithm 1, with localStorage as its registers,
   * in the way of npm's fast-mutex: without a pause between its steps, so it reads what was there before them.
   */
  async #underMutex(): Promise<void> {
    for (;;) {
      if (this.#hasEnded) return
      localStorage.setItem(X_KEY, this.#tab)
      if (localStorage.getItem(Y_KEY) !== null) {
        await this.#beats(1)
        continue
      }
      localStorage.setItem(Y_KEY, this.#tab)
      if (localStorage.getItem(X_KEY) !== this.#tab) {
        await this.#beats(CONTENTION_BEATS)
        if (localStorage.getItem(Y_KEY) !== this.#tab) continue
      }
      this.#push()
      localStorage.removeItem(Y_KEY)
      return
    }
  }

  async #beats(count: number): Promise<void> {
    for (let beat = 0; beat < count; beat += 1) await new Promise<void>((resume) => this.#waiting.push(resume))
  }
}

/** How many of the made are in the array, and takes the array away. */
export function takeKept(storage: Storage): number {
  const kept = new Set(JSON.parse(storage.getItem(ARRAY_KEY) ?? '[]') as string[]).size
  for (const key of [ARRAY_KEY, X_KEY, Y_KEY]) storage.removeItem(key)
  return kept
}
