// A tab that `lamplight/auto` watches.
import type { AutoOptions } from 'lamplight/auto'
import type { EventRow } from './api.ts'
import type { Client } from './client.ts'
import type { Server } from './server.ts'
import { Site } from './site.ts'
import { expect } from './test.ts'

declare global {
  interface Window {
    stopAuto: () => void
  }
}

/** Watches the tab, until `window.stopAuto()`. */
export async function watch(tab: Client, options: AutoOptions): Promise<void> {
  await tab.page.evaluate(
    async ({ entry, options }) => {
      const { auto } = (await import(entry)) as typeof import('lamplight/auto')
      window.stopAuto = auto(window.lamplight, options)
    },
    { entry: Site.entry('./auto'), options },
  )
}

/** The rows with this name in the order in which they were made. */
export async function rows(server: Server, name: string, count: number): Promise<EventRow[]> {
  await expect.poll(async () => (await server.api.events({ name })).length).toBeGreaterThanOrEqual(count)
  const found = await server.api.events({ name })
  expect(found.length).toBe(count)
  return found.sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0))
}
