import { Chart } from './chart.ts'
import { byId, setText } from './element.ts'
import { type Evaluation, format, type State } from './equation.ts'

/**
 * Screen readers get a changed sentence at most this often. A new state is announced immediately.
 */
const SPEAK_EVERY_MS = 2_000

const SAMPLE_EVERY_MS = 500

const MARKS: Record<State, string> = { idle: '', holds: '✓ ', on_the_way: '… ', broken: '✗ ', unknown: '' }

export class EquationView {
  readonly #chart = new Chart(byId<HTMLElement>('chart'))
  #state: State = 'unknown'
  #spokeMs = -Infinity

  show(evaluation: Evaluation, repeats: number, nowMs: number): void {
    setText(byId('made'), format(evaluation.made))
    setText(byId('stored'), evaluation.state === 'unknown' ? '–' : format(evaluation.stored))
    setText(byId('duplicates'), format(evaluation.duplicates))
    setText(byId('holes'), format(evaluation.holes))
    setText(
      byId('repeats'),
      repeats === 0 ? 'more rows than events made' : `more rows than events made; ${format(repeats)} repeats dropped`,
    )
    if (evaluation.state !== 'unknown') this.#chart.add({ made: evaluation.made, stored: evaluation.stored })
    setText(byId('span'), `the last ${Math.round((this.#chart.width * SAMPLE_EVERY_MS) / 1_000)} seconds`)
    byId('equation').dataset['state'] = evaluation.state
    this.#tint(evaluation)
    document.title = `${MARKS[evaluation.state]}${format(evaluation.stored)} of ${format(evaluation.made)} · Lamplight demo`
    if (evaluation.state !== this.#state || nowMs - this.#spokeMs >= SPEAK_EVERY_MS) {
      setText(byId('evaluation'), evaluation.text)
      this.#spokeMs = nowMs
    }
    this.#state = evaluation.state
  }

  /** Colours only the figures that differ from what they should be. */
  #tint(evaluation: Evaluation): void {
    const differs = {
      made: false,
      stored: evaluation.stored !== evaluation.made,
      duplicates: evaluation.duplicates > 0,
      holes: evaluation.holes > 0,
    }
    for (const [name, isOff] of Object.entries(differs)) {
      byId(`${name}-figure`).classList.toggle('tinted', isOff || evaluation.state === 'holds')
    }
  }

  clear(): void {
    this.#chart.clear()
  }
}
