// What the console and the API tell about the numbers of pages that did not arrive.
import { expect, type Page } from '@playwright/test'
import { signIn } from './console.ts'
import type { Server } from './server.ts'

/** Consecutive numbers that did not arrive. */
export interface Gap {
  numbers: [number, number]
  state: 'In flight' | 'Lost' | 'Declared'
  cause: RegExp
}

export const UNKNOWN = /^not known: the page declared none$/

/** A producer, and what the console and the API must tell about it. */
export interface Wanted {
  producer: string
  made: number
  gaps: Gap[]
}

/** Waits until everything that arrived was processed. */
export async function settled(server: Server): Promise<void> {
  await expect.poll(async () => (await server.api.totals()).queue.depth).toBe(0)
}

/** Waits until the server has this many events. */
export async function stored(server: Server, events: number): Promise<void> {
  await expect.poll(async () => (await server.api.totals()).stored, { timeout: 60_000 }).toBe(events)
  await settled(server)
}

/** Checks that the page of each producer, the list, and the API tell exactly what is wanted. */
export async function expectTold(page: Page, server: Server, wanted: Wanted[]): Promise<void> {
  await settled(server)
  // A restart keeps the session, unless a backup is restored.
  await page.goto(`${server.url}/producers`)
  if (page.url().includes('/login')) await signIn(page, server)
  const rows = await server.api.producers()
  for (const { producer, made, gaps } of wanted) {
    const inOrder = [...gaps].sort((a, b) => a.numbers[0] - b.numbers[0])
    const missing = gaps.filter(({ state }) => state !== 'Declared')
    const verdict = missing[0]?.state ?? gaps[0]?.state ?? 'Complete'
    await page.goto(`${server.url}/producers/${producer}`)
    const told = await page.locator('main section tbody tr').evaluateAll((lines) =>
      lines.map((line) => {
        const [numbers, , state, cause] = [...line.children].map((cell) => cell.textContent!.trim())
        const [first, last] = numbers!.replaceAll(',', '').split('–').map(Number)
        return { numbers: [first!, last ?? first!], state, cause: cause! }
      }),
    )
    const text = `what the page of ${producer} tells`
    expect(
      told.map(({ numbers, state }) => ({ numbers, state })),
      text,
    ).toEqual(inOrder.map(({ numbers, state }) => ({ numbers, state })))
    for (const [at, { cause }] of inOrder.entries()) expect(told[at]!.cause, text).toMatch(cause)
    await expect(page.locator('main section .headline .state'), text).toHaveText(verdict)

    const count = sum(missing)
    const reason = await page.locator('main section > p').first().textContent()
    if (gaps.length === 0) expect(reason, text).toBe(`All ${made} arrived.`)
    if (verdict === 'In flight') expect(reason, text).toContain(`${count} not arrived yet: they may wait in a browser`)
    if (verdict === 'Lost') expect(reason, text).toContain(`${count} lost: they never arrived`)

    const row = rows.find((row) => row.producer === producer)
    expect(row, `what the API tells of ${producer}`).toMatchObject({
      made,
      received: made - sum(gaps),
      missing: count,
      verdict: verdict.toLowerCase().replace(' ', '_'),
      holes: missing.map(({ numbers }) => numbers).sort((a, b) => a[0] - b[0]),
    })
    const declared = gaps.filter(({ state }) => state === 'Declared').map(({ numbers }) => numbers)
    expect(row!.declared.flatMap(({ ranges }) => ranges)).toEqual(declared)
  }
  const lost = wanted.flatMap(({ gaps }) => gaps).filter(({ state }) => state === 'Lost')
  expect((await server.api.totals()).lost).toBe(sum(lost))
  await page.goto(`${server.url}/producers`)
  await expect(page.locator('#figures dl div', { hasText: 'Lost' }).locator('dd')).toHaveText(String(sum(lost)))
}

function sum(gaps: Gap[]): number {
  return gaps.reduce((count, { numbers: [first, last] }) => count + last - first + 1, 0)
}
