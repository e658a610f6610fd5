// The page Live of the console, as somebody watches it while events arrive.
import type { Locator, Page } from '@playwright/test'
import { signIn, watch } from '../harness/console.ts'
import { type Server, WRITE_KEY } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

/** Sends events whose names are numbers. */
async function send(server: Server, first: number, count: number, name = 'seen'): Promise<void> {
  const events = Array.from({ length: count }, (_, at) => ({ name: `${name}_${first + at}` }))
  const answer = await server.api.post(JSON.stringify(events), JSON_TYPE, `?key=${WRITE_KEY}`)
  expect(answer.status).toBe(200)
}

async function open(page: Page, server: Server, query = ''): Promise<void> {
  await signIn(page, server)
  const connected = page.waitForResponse((response) => response.url().includes('/live/stream'))
  await page.goto(`${server.url}/live${query}`)
  await connected
}

const rows = (page: Page): Locator => page.locator('main tbody tr')
const status = (page: Page): Locator => page.getByRole('status')

/** The names in the table, from the first row. */
const names = (page: Page): Promise<string[]> =>
  rows(page).evaluateAll((rows) => rows.map((row) => /[a-z]+_\d+/.exec(row.textContent ?? '')?.[0] ?? ''))

const numbered = (last: number, first: number, name = 'seen'): string[] =>
  Array.from({ length: last - first + 1 }, (_, at) => `${name}_${last - at}`)

/** Leaves the page for another one, or comes back to it, as the browser says it. */
async function setInFront(page: Page, isInFront: boolean, by: 'focus' | 'tab'): Promise<void> {
  await page.evaluate(
    ([isInFront, by]) => {
      if (by === 'focus') {
        dispatchEvent(new Event(isInFront ? 'focus' : 'blur'))
        return
      }
      Object.defineProperty(document, 'visibilityState', {
        configurable: true,
        get: () => (isInFront ? 'visible' : 'hidden'),
      })
      document.dispatchEvent(new Event('visibilitychange'))
    },
    [isInFront, by] as const,
  )
}

test('events appear once, the newest first, and a pause keeps them back', async ({ context, page, server }) => {
  const complaints = watch(context)
  await send(server, 1, 60)
  await expect.poll(async () => (await server.api.totals()).stored).toBe(60)
  await open(page, server)
  expect(await names(page), 'the latest 50 came with the page').toEqual(numbered(60, 11))
  await send(server, 61, 3)
  await expect.poll(() => names(page)).toEqual(numbered(63, 11))
  await expect(status(page)).toBeHidden()
  await expect(page.locator('[data-live-rate]')).toHaveText(/^0\.[1-9] events per second$/)

  const button = page.getByRole('button', { name: 'Pause' })
  await button.click()
  await expect(page.getByRole('button', { name: 'Resume' })).toHaveAttribute('aria-pressed', 'true')
  await send(server, 64, 1)
  await expect(status(page)).toHaveText('Paused: 1 new event waiting.')
  await send(server, 65, 2)
  await expect(status(page)).toHaveText('Paused: 3 new events waiting.')
  // Coming back does not end a pause that somebody asked for.
  await setInFront(page, false, 'focus')
  await setInFront(page, true, 'focus')
  await expect(status(page)).toHaveText('Paused: 3 new events waiting.')
  expect(await names(page)).toEqual(numbered(63, 11))
  await page.getByRole('button', { name: 'Resume' }).click()
  await expect.poll(() => names(page)).toEqual(numbered(66, 11))
  await expect(status(page)).toBeHidden()
  expect(complaints).toEqual([])
})

for (const by of ['focus', 'tab'] as const) {
  const how = by === 'focus' ? 'window that loses the focus' : 'tab in the background'
  test(`a ${how} pauses until it is back, unless it is to keep running`, async ({ page, server }) => {
    await open(page, server)
    await send(server, 1, 1)
    await expect.poll(() => names(page)).toEqual(['seen_1'])
    await setInFront(page, false, by)
    await expect(status(page)).toHaveText('Paused, because this page is not in front: 0 new events waiting.')
    await send(server, 2, 2)
    await expect(status(page)).toHaveText('Paused, because this page is not in front: 2 new events waiting.')
    expect(await names(page)).toEqual(['seen_1'])
    await setInFront(page, true, by)
    await expect.poll(() => names(page)).toEqual(numbered(3, 1))
    await expect(status(page)).toBeHidden()

    await page.getByLabel('Keep running in the background').check()
    await setInFront(page, false, by)
    await send(server, 4, 2)
    await expect.poll(() => names(page)).toEqual(numbered(5, 1))
    await expect(status(page)).toBeHidden()
  })
}

test('at most 500 rows are on the page, and a pause keeps the newest 500', async ({ page, server }) => {
  await open(page, server)
  await send(server, 1, 700)
  await expect.poll(() => names(page)).toEqual(numbered(700, 201))
  await page.getByRole('button', { name: 'Pause' }).click()
  await send(server, 701, 600)
  await expect(status(page)).toHaveText('Paused: 600 new events waiting, of which the newest 500 will be shown.')
  expect(await names(page)).toEqual(numbered(700, 201))
  await page.getByRole('button', { name: 'Resume' }).click()
  await expect.poll(() => names(page)).toEqual(numbered(1_300, 801))
})

test('after a restart of the server, it goes on and repeats and misses nothing', async ({ page, server }) => {
  await open(page, server)
  await send(server, 1, 2)
  await expect.poll(() => names(page)).toEqual(numbered(2, 1))
  await server.kill()
  await expect(status(page)).toHaveText(/^Not connected to the server\. Trying again\./)
  await server.restart()
  // The page is not connected yet.
  await send(server, 3, 4)
  await expect.poll(() => names(page)).toEqual(numbered(6, 1))
  await expect(status(page)).toBeHidden()
  await send(server, 7, 1)
  await expect.poll(() => names(page)).toEqual(numbered(7, 1))
})

test('a stream that is refused is tried again, and a gap is told', async ({ page, server }) => {
  let answers = 0
  await page.route('**/live/stream*', (route) => {
    answers += 1
    if (answers === 1) return route.fulfill({ status: 503, contentType: 'text/plain', body: 'busy' })
    if (answers === 2)
      return route.fulfill({ contentType: 'text/event-stream', body: 'retry: 100\nid: 0-0\nevent: gap\ndata:\n\n' })
    return route.continue()
  })
  await open(page, server)
  await expect(status(page)).toHaveText(/^Not connected to the server\./)
  await expect(status(page)).toHaveText(/^Some events are missing here, because the server no longer knows the order/)
  await send(server, 1, 1)
  await expect.poll(() => names(page)).toEqual(['seen_1'])
  expect(answers).toBeGreaterThanOrEqual(3)
})

test('filters select what appears, and the page of all events has the same ones', async ({ page, server }) => {
  await send(server, 1, 1)
  await send(server, 1, 1, 'other')
  await expect.poll(async () => (await server.api.totals()).stored).toBe(2)
  await open(page, server, '?name=seen_1')
  expect(await names(page)).toEqual(['seen_1'])
  await send(server, 1, 2, 'other')
  await send(server, 1, 1)
  await expect.poll(() => names(page)).toEqual(['seen_1', 'seen_1'])
  await expect(page.getByRole('link', { name: 'All events' })).toHaveAttribute('href', /^\/events\?name=seen_1$/)
})
