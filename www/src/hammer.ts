/** Computes how many events are due, so that a slow or throttled timer catches up. */
export class Hammer {
  #due = 0
  #lastMs: number | undefined

  /** `nowMs` is monotonic. After more than three seconds without a call, it starts from zero. */
  due(nowMs: number, perSecond: number): number {
    const elapsedMs = this.#lastMs === undefined ? 0 : nowMs - this.#lastMs
    this.#lastMs = nowMs
    if (elapsedMs > 3_000) this.#due = 0
    else this.#due += (elapsedMs * perSecond) / 1_000
    const count = Math.floor(this.#due)
    this.#due -= count
    return count
  }
}
