/** Pseudorandom numbers that repeat for the same seed (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** From 0 up to, but not including, `end`. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) % end
  }
}

/** `LAMPLIGHT_SEED`, to reproduce a failure, or a new seed. */
export function seed(): number {
  return Number(process.env['LAMPLIGHT_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
}
