import { setTimeout as sleep } from 'node:timers/promises'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { expect, test } from '../harness/test.ts'

test.use({ command: 'demo' })

test('events arrive after 503 responses, and retries wait for Retry-After', async ({ openTab, server }) => {
  const tab = await openTab()
  const refusals: { atMs: number; retryAfterMs: number }[] = []
  tab.page.on('response', (response) => {
    if (response.status() !== 503) return
    refusals.push({ atMs: Date.now(), retryAfterMs: 1_000 * Number(response.headers()['retry-after']) })
  })
  await server.api.setFault('unavailable')
  const made = await tab.trackInSteps(200, 20, 'refused')
  await expect.poll(() => refusals.length, { message: 'responses with 503' }).toBeGreaterThanOrEqual(2)
  for (const [index, answer] of refusals.entries()) {
    const next = refusals[index + 1]
    if (!next) continue
    expect(answer.retryAfterMs, '503 carries Retry-After').toBeGreaterThan(0)
    expect(next.atMs - answer.atMs, 'the wait between two attempts').toBeGreaterThanOrEqual(answer.retryAfterMs - 50)
  }
  expect((await tab.stats()).queued).toBe(200)
  expect((await tab.stats()).lastError).toBeTruthy()

  await server.api.setFault('none')
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  await expect.poll(() => tab.waiting()).toBe(0)
})

test('connections that the server resets lose nothing and store nothing twice', async ({ openTab, server }) => {
  const tabs = [await openTab(), await openTab()]
  const before = await Promise.all(tabs.map((tab) => tab.trackInSteps(100, 10, 'before')))
  await server.api.setFault('offline')
  const during = await Promise.all(tabs.map((tab) => tab.trackInSteps(300, 20, 'offline')))
  await sleep(2_000)
  for (const tab of tabs) expect((await tab.stats()).queued).toBeGreaterThanOrEqual(300)

  await server.api.setFault('none')
  const after = await Promise.all(tabs.map((tab) => tab.trackInSteps(50, 10, 'after')))
  await expectExactlyOnce(
    server,
    [before, during, after].flat(2).map((one) => one.id),
  )
  for (const tab of tabs) await expect.poll(() => tab.waiting()).toBe(0)
})

test('a slow server loses nothing and stores nothing twice', async ({ openTab, server }) => {
  const tab = await openTab()
  await server.api.setFault('slow', 1_500)
  const made = await tab.trackInSteps(300, 30, 'slow')
  await sleep(2_000)
  await server.api.setFault('none')
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  await expect.poll(() => tab.waiting()).toBe(0)
})
