// Prints each failed attempt with its message after a run, because the end of a log is read first.
// It is the last reporter, so that nothing follows.
import { stripVTControlCharacters } from 'node:util'
import type { Reporter, TestCase, TestResult } from '@playwright/test/reporter'

const MESSAGE_LINES = 6

export default class FailuresReporter implements Reporter {
  #failures: string[] = []

  onBegin(): void {
    this.#failures = []
  }

  onTestEnd(test: TestCase, result: TestResult): void {
    if (result.status === test.expectedStatus || result.status === 'skipped') return
    const message = stripVTControlCharacters(result.error?.message ?? '')
      .split('\n')
      .slice(0, MESSAGE_LINES)
      .join('\n    ')
    const name = [test.parent.project()?.name, test.title].filter(Boolean).join(': ')
    this.#failures.push(`${name}, attempt ${result.retry + 1}: ${result.status}\n    ${message}`)
  }

  onEnd(): void {
    for (const failure of this.#failures) console.log(`\nfailed: ${failure}`)
  }

  printsToStdio(): boolean {
    return false
  }
}
