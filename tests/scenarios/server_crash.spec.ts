import { setTimeout as sleep } from 'node:timers/promises'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { form } from '../harness/form.ts'
import { expect, test } from '../harness/test.ts'

const ROUNDS = form(5, 40)

test('a server killed repeatedly under load keeps all acknowledged events once', async ({ openTab, server }) => {
  test.setTimeout(90_000 + ROUNDS * 12_000)
  const tabs = [await openTab(), await openTab()]
  await Promise.all(tabs.map((tab) => tab.startLoad('loaded')))

  for (let round = 1; round <= ROUNDS; round += 1) {
    // No multiple of the flush interval, so that kills hit every phase of a request.
    await sleep(700 + 130 * (round % 11))
    await server.kill()
    await sleep(150)
    const acknowledged = (await Promise.all(tabs.map((tab) => tab.acknowledged()))).flat()
    await server.restart()
    await expect.poll(async () => (await server.api.totals()).queue.depth).toBe(0)
    const rows = new Set((await server.api.events()).map((row) => `${row.producer}-${row.seq}`))
    expect(
      acknowledged.filter((id) => !rows.has(id)),
      `acknowledged and lost after kill ${round}`,
    ).toEqual([])
    if (round === ROUNDS) expect(acknowledged.length).toBeGreaterThan(100)
  }

  const made = (await Promise.all(tabs.map((tab) => tab.stopLoad()))).flat()
  await expectExactlyOnce(server, made)
  for (const tab of tabs) await expect.poll(() => tab.waiting()).toBe(0)
})
