import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from '@playwright/test'
import type { Made } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { WRITE_KEY } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

declare global {
  interface Window {
    worker: Worker
  }
}

/** Tracks all events in one task of a worker of the page. */
async function trackInWorker(page: Page, url: string, count: number, name: string): Promise<Made[]> {
  return page.evaluate(
    (message) => {
      window.worker ??= new Worker('/worker.js', { type: 'module' })
      return new Promise<Made[]>((resolve) => {
        window.worker.onmessage = ({ data }) => resolve(data as Made[])
        window.worker.postMessage(message)
      })
    },
    { options: { url, key: WRITE_KEY }, count, name },
  )
}

test('events of a worker are delivered, also after it is killed during an outage', async ({
  context,
  openTab,
  server,
  site,
}) => {
  const survivor = await openTab()
  const page = await context.newPage()
  await page.goto(site.origin)
  const [, pid] = await separateRenderers([survivor.page, page])
  const first = await trackInWorker(page, server.url, 5, 'online')
  expect(first.every((one) => one.id && !one.stored)).toBe(true)
  await expect.poll(async () => (await server.api.totals()).stored).toBe(5)

  await server.kill()
  const second = await trackInWorker(page, server.url, 300, 'offline')
  await sleep(3_000)
  await killRenderer(page, pid ?? 0)
  await server.restart()
  const later = await context.newPage()
  await later.goto(site.origin)
  const third = await trackInWorker(later, server.url, 1, 'later')
  await expectExactlyOnce(
    server,
    [...first, ...second, ...third].map((one) => one.id),
    80_000,
  )
})
