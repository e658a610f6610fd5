// Prints the counts of the scenarios after a run.
import type { Reporter, TestCase, TestResult } from '@playwright/test/reporter'
import { TALLY, type Tally } from './tally.ts'

const COLUMNS: (keyof Tally)[] = ['made', 'stored', 'sentTwice', 'storedTwice', 'lost']
const HEADINGS = ['made', 'stored', 'sent twice', 'stored twice', 'lost']
const WIDTH = 13

export default class TallyReporter implements Reporter {
  #rows: { name: string; tally: Tally; failed: boolean }[] = []

  onBegin(): void {
    this.#rows = []
  }

  onTestEnd(test: TestCase, result: TestResult): void {
    const engine = test.parent.project()?.name ?? ''
    const last = result.annotations.filter(({ type }) => type === TALLY).at(-1)?.description
    if (!last) return
    this.#rows.push({
      name: `${engine}: ${test.title}`,
      tally: JSON.parse(last) as Tally,
      failed: result.status !== 'passed',
    })
  }

  onEnd(): void {
    if (this.#rows.length > 0) this.#table()
  }

  #table(): void {
    const sum = (column: keyof Tally): number => this.#rows.reduce((total, { tally }) => total + tally[column], 0)
    console.log(`\nCounted at the server, in events:\n${HEADINGS.map((text) => text.padStart(WIDTH)).join('')}`)
    for (const { name, tally, failed } of this.#rows) {
      console.log(
        `${COLUMNS.map((column) => String(tally[column]).padStart(WIDTH)).join('')}  ${failed ? 'FAILED ' : ''}${name}`,
      )
    }
    console.log(`${COLUMNS.map((column) => String(sum(column)).padStart(WIDTH)).join('')}  total`)
  }

  printsToStdio(): boolean {
    return false
  }
}
