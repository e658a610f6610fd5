// The law of the whole system: what was made is stored, each once, and nothing else is.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from '@playwright/test'
import type { EventRow } from './api.ts'
import type { Server } from './server.ts'
import { tally } from './tally.ts'

const ARRIVE_MS = 60_000
const POLL_MS = 200

/** Waits until the server has stored as many rows as there are ids, or the time is over; then compares the two sets. */
export async function expectExactlyOnce(server: Server, ids: string[], withinMs = ARRIVE_MS): Promise<void> {
  expect(new Set(ids).size, 'ids given out by track() are distinct').toBe(ids.length)
  // Not an expectation: which events are missing says more than how many.
  const end = Date.now() + withinMs
  while ((await server.api.totals()).stored < ids.length && Date.now() < end) await sleep(POLL_MS)
  await expect
    .poll(async () => (await server.api.totals()).queue.depth, { message: 'payloads not yet worked through' })
    .toBe(0)

  const rows = await server.api.events()
  const { twice, unknown, missing } = compare(rows, ids)
  const { stored, duplicates } = await server.api.totals()
  tally({ made: ids.length, stored, sentTwice: duplicates, storedTwice: twice.length, lost: missing.length })
  expect({ twice: told(twice), unknown: told(unknown), missing: told(missing) }).toEqual({
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

/** A failure names a few and counts the rest. */
function told(ids: string[]): string {
  if (ids.length === 0) return 'none'
  return `${ids.length}: ${ids.slice(0, 4).join(' ')}${ids.length > 4 ? ' …' : ''}`
}
