// The watch detects each kind of problem.
import { serveFolder } from './static_site.ts'
import { expect, test } from './test.ts'

const PROBLEMS = {
  'a line on console.error': [`console.error('oh')`, /console\.error: oh/],
  'an uncaught exception': [`throw new Error('oh')`, /uncaught: Error: oh/],
  'an unhandled rejection': [`Promise.reject(new Error('oh'))`, /uncaught: Error: oh/],
  'a request to another machine': [
    `fetch('http://elsewhere.invalid/').catch(() => {})`,
    /requested elsewhere\.invalid/,
  ],
} as const

for (const [name, [script, problem]] of Object.entries(PROBLEMS)) {
  test(`the watch detects ${name}`, async ({ workFolder, host, page, watch }) => {
    const url = await host(serveFolder(workFolder, `<script>${script}</script>`))
    await page.goto(`${url}/page`)
    await expect.poll(() => watch.problems.join('\n')).toMatch(problem)
    watch.problems.length = 0
  })
}
