import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { form } from '../harness/form.ts'
import { type Conduct, OVERLOADED } from '../harness/front.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

const EVENTS = 100
/** Between the last `track()` and the end, in milliseconds. At 0, not one more task runs. */
const DELAYS_MS = [0, 10, 50, 300, 1_500]
const FEW = { rounds: form(1, 5), each: 1 }

const servers: { what: string; conduct: Conduct; isDown?: boolean; rounds: number; each: number }[] = [
  { what: 'down', conduct: 'passes', isDown: true, rounds: form(1, 25), each: form(1, 4) },
  { what: 'up', conduct: 'passes', ...FEW },
  { what: 'answering 503', conduct: OVERLOADED, ...FEW },
  { what: 'resetting connections', conduct: 'resets', ...FEW },
  { what: 'hanging', conduct: 'hangs', ...FEW },
]

for (const { what, conduct, isDown, rounds, each } of servers) {
  test(`tabs killed 0 to 1,500 ms after the last of 100 tracks, with the server ${what}: nothing lost, nothing stored twice (${rounds * each} times each)`, async ({
    browser,
    front,
    server,
    site,
  }) => {
    test.setTimeout(60_000 + rounds * 90_000)
    const ids: string[] = []
    for (let round = 0; round < rounds; round += 1) {
      const cells = []
      for (const delayMs of DELAYS_MS.flatMap((delay) => Array.from({ length: each }, () => delay))) {
        // A context each: what one leaves is not for another to adopt.
        const context = await browser.newContext()
        cells.push({ delayMs, context, victim: await Client.openPage(context, site, front.url) })
      }
      const pids = await separateRenderers(cells.map(({ victim }) => victim.page))
      front.conduct = conduct
      if (isDown) await server.kill()

      await Promise.all(
        cells.map(async ({ delayMs, victim }, index) => {
          const meeting = await site.meet()
          if (delayMs === 0) await victim.trackAndStandStill(EVENTS, 'last_words', meeting)
          else await victim.trackAndTell(EVENTS, 'last_words', meeting)
          const made = JSON.parse(await meeting.words) as { id: string; stored: boolean }[]
          expect(made.filter((one) => one.stored)).toHaveLength(EVENTS)
          await sleep(delayMs)
          await killRenderer(victim.page, pids[index]!)
          ids.push(...made.map((one) => one.id))
        }),
      )

      front.conduct = 'passes'
      if (isDown) await server.restart()
      const heirs = await Promise.all(cells.map(({ context }) => Client.openPage(context, site, front.url)))
      await expectExactlyOnce(server, ids)
      for (const heir of heirs) await expect.poll(() => heir.waiting()).toBe(0)
      for (const { context } of cells) await context.close()
    }
  })
}
