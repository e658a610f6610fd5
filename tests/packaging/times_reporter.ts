// Prints the time of each test and its steps after a run.
import type { Reporter, TestCase, TestResult } from '@playwright/test/reporter'

export default class TimesReporter implements Reporter {
  #rows: string[] = []

  onTestEnd(test: TestCase, result: TestResult): void {
    const steps = result.steps.filter(({ category }) => category === 'test.step')
    if (steps.length === 0) return
    const times = steps.map(({ title, duration }) => `${title} ${seconds(duration)}`).join(', ')
    this.#rows.push(`${seconds(result.duration).padStart(8)}  ${test.title}\n${''.padStart(10)}${times}`)
  }

  onEnd(): void {
    if (this.#rows.length > 0) console.log(`\nTime by consumer:\n${this.#rows.join('\n')}`)
  }

  printsToStdio(): boolean {
    return false
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
