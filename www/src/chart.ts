// Two lines over at most the last minute: made and stored. The area between them is in flight.

export interface Sample {
  made: number
  stored: number
}

const SAMPLES_MAX = 120
/**
 * The chart is at least this wide, so that the first samples appear at the right edge and move
 * left.
 */
const SAMPLES_MIN = 40
const WIDTH = 120
const HEIGHT = 48
const ROOM = 2

export class Chart {
  readonly #made: Element
  readonly #stored: Element
  readonly #gap: Element
  #samples: Sample[] = []

  constructor(svg: Element) {
    const path = (name: string): Element => {
      const found = svg.querySelector(`path.${name}`)
      if (!found) throw new Error(`failed to find path.${name} in the chart`)
      return found
    }
    this.#made = path('made')
    this.#stored = path('stored')
    this.#gap = path('gap')
  }

  add(sample: Sample): void {
    this.#samples.push(sample)
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift()
    const madeLine = line(this.#samples, (one) => one.made)
    const storedLine = line(this.#samples, (one) => one.stored)
    this.#made.setAttribute('d', `M${madeLine.join('L')}`)
    this.#stored.setAttribute('d', `M${storedLine.join('L')}`)
    this.#gap.setAttribute('d', `M${[...madeLine, ...storedLine.reverse()].join('L')}Z`)
  }

  /** The width of the chart, in samples. */
  get width(): number {
    return Math.max(SAMPLES_MIN, this.#samples.length)
  }

  clear(): void {
    this.#samples = []
  }
}

/**
 * The newest sample is at the right edge. The scale goes from the smallest to the largest value
 * shown.
 */
function line(samples: Sample[], value: (sample: Sample) => number): string[] {
  const low = Math.min(...samples.map((one) => Math.min(one.made, one.stored)))
  const high = Math.max(...samples.map((one) => Math.max(one.made, one.stored)))
  const range = high - low
  const width = Math.max(SAMPLES_MIN, samples.length) - 1
  const start = width - (samples.length - 1)
  return samples.map((sample, index) => {
    const share = range === 0 ? 0 : (value(sample) - low) / range
    const y = HEIGHT - ROOM - share * (HEIGHT - 2 * ROOM)
    return `${(((start + index) / width) * WIDTH).toFixed(2)},${y.toFixed(2)}`
  })
}
