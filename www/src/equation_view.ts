import { Chart } from './chart.ts'
import { byId, setText } from './element.ts'
import { type Evaluation, format, type State } from './equation.ts'

/**
 * Screen readers get a changed sentence at most this often. A new state is announced immediately.
 */
const SPEAK_EVERY_MS = 2_000

const SAMPLE_EVERY_MS = 500

const MARKS: Record<State, string> = {
  idle: '',
  holds: '✓ ',
  on_the_way: '… ',
  dropped: '! ',
  broken: '✗ ',
  unknown: '',
}

export class EquationView {
  readonly #chart = new Chart(byId<HTMLElement>('chart'))
  #state: State = 'unknown'
  #spokeMs = -Infinity

  show(evaluation: Evaluation, repeats: number, nowMs: number): void {
    const isKnown = evaluation.state !== 'unknown'
    for (const [name, number] of Object.entries(figures(evaluation)))
      setText(byId(name), isKnown ? format(number) : '–')
    setText(
      byId('repeats'),
      repeats === 0 ? 'more rows than events' : `more rows than events; ${format(repeats)} repeats were ignored`,
    )
    if (isKnown) this.#chart.add({ made: evaluation.made, stored: evaluation.stored })
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

  clear(): void {
    this.#chart.clear()
  }

  /** Colours only figures that need attention. Events on the way need none. */
  #tint({ dropped, lost, duplicates }: Evaluation): void {
    byId('dropped-figure').classList.toggle('attention', dropped > 0)
    byId('lost-figure').classList.toggle('alarm', lost > 0)
    byId('duplicates-figure').classList.toggle('alarm', duplicates > 0)
  }
}

function figures({ made, stored, onTheWay, dropped, lost, duplicates }: Evaluation): Record<string, number> {
  return { made, stored, 'on-the-way': onTheWay, dropped, lost, duplicates }
}
