// That a page which misbehaves would not pass unseen.
import { serveFolder } from './static_site.ts'
import { expect, test } from './test.ts'

const MISDEEDS = {
  'a line on console.error': [`console.error('oh')`, /console\.error: oh/],
  'an exception that nobody caught': [`throw new Error('oh')`, /uncaught: Error: oh/],
  'a rejection that nobody took': [`Promise.reject(new Error('oh'))`, /uncaught: Error: oh/],
  'a request to another machine': [`fetch('http://elsewhere.invalid/').catch(() => {})`, /asked elsewhere\.invalid/],
} as const

for (const [name, [script, complaint]] of Object.entries(MISDEEDS)) {
  test(`the watch sees ${name}`, async ({ ground, host, page, watch }) => {
    const url = await host(serveFolder(ground, `<script>${script}</script>`))
    await page.goto(`${url}/page`)
    await expect.poll(() => watch.complaints.join('\n')).toMatch(complaint)
    watch.complaints.length = 0
  })
}
