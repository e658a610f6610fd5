// The main invariant of the system: each event that was made is stored exactly once, and no other
// row is.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from '@playwright/test'
import type { EventRow } from './api.ts'
import type { Server } from './server.ts'
import { tally } from './tally.ts'

const ARRIVE_MS = 60_000
const POLL_MS = 200

/**
 * Waits until the server has stored as many rows as there are ids, or for `withinMs`; then compares
 * the sets.
 */
export async function expectExactlyOnce(server: Server, ids: string[], withinMs = ARRIVE_MS): Promise<void> {
  expect(new Set(ids).size, 'the ids from track() are distinct').toBe(ids.length)
  // This wait fails no test, because the comparison below also says which events are missing.
  const end = Date.now() + withinMs
  while ((await server.api.totals()).stored < ids.length && Date.now() < end) await sleep(POLL_MS)
  await expect
    .poll(async () => (await server.api.totals()).queue.depth, { message: 'payloads not yet processed' })
    .toBe(0)

  const rows = await server.api.events()
  const { twice, unknown, missing } = compare(rows, ids)
  const { stored, duplicates } = await server.api.totals()
  tally({ made: ids.length, stored, sentTwice: duplicates, storedTwice: twice.length, lost: missing.length })
  expect({ twice: summary(twice), unknown: summary(unknown), missing: summary(missing) }).toEqual({
    twice: 'none',
    unknown: 'none',
    missing: 'none',
  })

  const totals = await server.api.totals()
  expect(totals).toMatchObject({ made: ids.length, stored: ids.length, invalid: 0, in_flight: 0, declared: 0, lost: 0 })
  for (const producer of await server.api.producers()) {
    expect(producer, `producer ${producer.producer}`).toMatchObject({ holes: [], verdict: 'complete' })
  }
}

function compare(rows: EventRow[], ids: string[]): { twice: string[]; unknown: string[]; missing: string[] } {
  const count = new Map<string, number>()
  for (const row of rows) {
    const id = `${row.producer}-${row.seq}`
    count.set(id, (count.get(id) ?? 0) + 1)
  }
  const made = new Set(ids)
  return {
    twice: [...count].filter(([, times]) => times > 1).map(([id]) => id),
    unknown: [...count.keys()].filter((id) => !made.has(id)),
    missing: ids.filter((id) => !count.has(id)),
  }
}

/** The number of ids, and the first four. */
function summary(ids: string[]): string {
  if (ids.length === 0) return 'none'
  return `${ids.length}: ${ids.slice(0, 4).join(' ')}${ids.length > 4 ? ' …' : ''}`
}
