import { setTimeout as sleep } from 'node:timers/promises'
import { WRITE_KEY } from '../harness/server.ts'
import { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

test('a page whose policy forbids WebAssembly is not broken: no throw, no rejection, and track says what became of it', async ({ page, server, site }) => {
  const broken: string[] = []
  page.on('pageerror', (error) => broken.push(error.message))
  await page.goto(`${site.origin}/without-wasm`)
  const tracked = await page.evaluate(
    async ({ entry, url, key }) => {
      const { init } = (await import(entry)) as typeof import('lamplight')
      const lamplight = init({ url, key })
      const made = lamplight.track('strict', { a: 1 })
      await lamplight.flush()
      lamplight.close()
      return made
    },
    { entry: Site.entry(), url: server.url, key: WRITE_KEY },
  )
  await sleep(500)
  expect(broken).toEqual([])
  expect(tracked.stored || tracked.reason !== undefined).toBe(true)
})
