/** Says how many events are due, so that a slow or throttled timer makes up for what it missed. */
export class Hammer {
  #owed = 0
  #lastMs: number | undefined

  /** `nowMs` is monotonic. More than three seconds since the last call count as a fresh start. */
  due(nowMs: number, perSecond: number): number {
    const elapsedMs = this.#lastMs === undefined ? 0 : nowMs - this.#lastMs
    this.#lastMs = nowMs
    if (elapsedMs > 3_000) this.#owed = 0
    else this.#owed += (elapsedMs * perSecond) / 1_000
    const whole = Math.floor(this.#owed)
    this.#owed -= whole
    return whole
  }
}
