// A visit of a page of consumers/pages, and what must have come of it.
import type { Page } from '@playwright/test'
import { WRITE_KEY, type Server } from '../harness/server.ts'
import { expect } from './test.ts'

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
