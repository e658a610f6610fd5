// The main invariant of the system: each event that was made is stored exactly once, and no other
// row is. If the server lost events with its disk, exactly these are holes.
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
  await expectExactlyOnceExcept([], server, ids, withinMs)
}

/** The same for all ids but `lost`, of which none is stored and each is a hole of its producer. */
export async function expectExactlyOnceExcept(
  lost: string[],
  server: Server,
  made: string[],
  withinMs = ARRIVE_MS,
): Promise<void> {
  expect(new Set(made).size, 'the ids from track() are distinct').toBe(made.length)
  const isLost = new Set(lost)
  const ids = made.filter((id) => !isLost.has(id))
  expect(ids.length, 'each lost id was made').toBe(made.length - isLost.size)
  // This wait fails no test, because the comparison below also says which events are missing.
  const end = Date.now() + withinMs
  while ((await server.api.totals()).stored < ids.length && Date.now() < end) await sleep(POLL_MS)
  await expect
    .poll(async () => (await server.api.totals()).queue.depth, { message: 'payloads not yet processed' })
    .toBe(0)

  const rows = await server.api.events()
  const { twice, unknown, missing } = compare(rows, ids)
  const { stored, duplicates } = await server.api.totals()
  const counts = { sentTwice: duplicates, storedTwice: twice.length, lost: missing.length }
  tally({ made: made.length, stored, ...counts })
  expect({ twice: summary(twice), unknown: summary(unknown), missing: summary(missing) }).toEqual({
    twice: 'none',
    unknown: 'none',
    missing: 'none',
  })

  const totals = await server.api.totals()
  const none = { invalid: 0, declared: 0, lost: 0 }
  expect(totals).toMatchObject({ made: made.length, stored: ids.length, in_flight: isLost.size, ...none })
  const producers = await server.api.producers()
  const holes = holesOf(lost)
  for (const row of producers) {
    const expected = holes.get(row.producer) ?? []
    const verdict = expected.length === 0 ? 'complete' : 'in_flight'
    expect(row, `producer ${row.producer}`).toMatchObject({ holes: expected, verdict })
    holes.delete(row.producer)
  }
  expect([...holes.keys()], 'each producer with holes is listed').toEqual([])
}

/** The ranges of the numbers in `ids`, by producer. */
function holesOf(ids: string[]): Map<string, [number, number][]> {
  const numbers = ids.map((id) => {
    const end = id.lastIndexOf('-')
    return { producer: id.slice(0, end), seq: Number(id.slice(end + 1)) }
  })
  const holes = new Map<string, [number, number][]>()
  for (const { producer, seq } of numbers.sort((a, b) => a.seq - b.seq)) {
    const ranges = holes.get(producer) ?? []
    const last = ranges.at(-1)
    if (last && last[1] + 1 === seq) last[1] = seq
    else ranges.push([seq, seq])
    holes.set(producer, ranges)
  }
  return holes
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
