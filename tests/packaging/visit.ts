// Visits a page of consumers/pages, and checks its events.
import type { Page } from '@playwright/test'
import { type Server, WRITE_KEY } from '../harness/server.ts'
import { expect } from './test.ts'

/** An orphaned event, which only the full client looks for. */
const ORPHAN = { producer: '0'.repeat(26), text: '{"name":"left"}' }

/** Opens a page that tracks a visit, and waits until the server lists it. */
export async function expectVisit(page: Page, address: string, server: Server, entry: string): Promise<void> {
  await page.goto(`${address}?${new URLSearchParams({ url: server.url, key: WRITE_KEY })}`)
  await expect(page).toHaveTitle('stored')
  const names = async (): Promise<string[]> => (await server.api.events()).map(({ name }) => name).sort()
  await expect.poll(names).toEqual(['visit.duration', 'visited'])
  const rows = await server.api.events()
  expect(rows.find(({ name }) => name === 'visited')?.properties).toEqual({ entry })
  expect(rows.find(({ name }) => name === 'visit.duration')?.monitor).toMatchObject({ kind: 'timer' })
}

/**
 * Waits until the full client has taken over in the page of a visit, and sends an event with it.
 */
export async function expectFullClient(page: Page, server: Server): Promise<void> {
  const key = await page.evaluate(({ producer, text }) => {
    const namespace = Object.keys(localStorage)
      .find((key) => key.endsWith(':s'))
      ?.slice(0, -2)
    const key = `${namespace}:q:${producer}:1`
    localStorage[key] = text
    return key
  }, ORPHAN)
  await expect.poll(() => page.evaluate(() => window.lamplight.stats().foreign)).toBe(1)
  const made = await page.evaluate((key) => {
    localStorage.removeItem(key)
    return window.lamplight.track('full_client')
  }, key)
  expect(made).toMatchObject({ seq: 3, stored: true })
  await expect
    .poll(async () =>
      (await server.api.events({ name: 'full_client' })).map(({ producer, seq }) => `${producer}-${seq}`),
    )
    .toEqual([made.id])
}
