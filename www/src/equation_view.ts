import { Chart } from './chart.ts'
import { byId, setText } from './element.ts'
import { format, type State, type Verdict } from './equation.ts'

/** While numbers run, the spoken line changes at most this often. A new state is always told at once. */
const SPEAK_EVERY_MS = 2_000

const SAMPLE_EVERY_MS = 500

const MARKS: Record<State, string> = { idle: '', holds: '✓ ', on_the_way: '… ', broken: '✗ ', unknown: '' }

export class EquationView {
  readonly #chart = new Chart(byId<HTMLElement>('chart'))
  #state: State = 'unknown'
  #spokeMs = -Infinity

  show(verdict: Verdict, repeats: number, nowMs: number): void {
    setText(byId('made'), format(verdict.made))
    setText(byId('stored'), verdict.state === 'unknown' ? '–' : format(verdict.stored))
    setText(byId('duplicates'), format(verdict.duplicates))
    setText(byId('holes'), format(verdict.holes))
    setText(
      byId('repeats'),
      repeats === 0 ? 'rows more than made' : `rows more than made; ${format(repeats)} repeats dropped`,
    )
    if (verdict.state !== 'unknown') this.#chart.add({ made: verdict.made, stored: verdict.stored })
    setText(byId('span'), `the last ${Math.round((this.#chart.width * SAMPLE_EVERY_MS) / 1_000)} seconds`)
    byId('equation').dataset['state'] = verdict.state
    this.#tint(verdict)
    document.title = `${MARKS[verdict.state]}${format(verdict.stored)} of ${format(verdict.made)} · Lamplight demo`
    if (verdict.state !== this.#state || nowMs - this.#spokeMs >= SPEAK_EVERY_MS) {
      setText(byId('verdict'), verdict.text)
      this.#spokeMs = nowMs
    }
    this.#state = verdict.state
  }

  /** Only the figures that are off take the colour of the state. */
  #tint(verdict: Verdict): void {
    const isOff = {
      made: false,
      stored: verdict.stored !== verdict.made,
      duplicates: verdict.duplicates > 0,
      holes: verdict.holes > 0,
    }
    for (const [name, off] of Object.entries(isOff)) {
      byId(`${name}-figure`).classList.toggle('tinted', off || verdict.state === 'holds')
    }
  }

  clear(): void {
    this.#chart.clear()
  }
}
