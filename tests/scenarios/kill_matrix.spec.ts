import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { type Behaviour, OVERLOADED } from '../harness/fault_proxy.ts'
import { form } from '../harness/form.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

const EVENTS = 100
/**
 * Times between the last `track()` and the kill, in milliseconds. At 0, the page runs no other
 * task.
 */
const DELAYS_MS = [0, 10, 50, 300, 1_500]
const FEW = { rounds: form(1, 5), each: 1 }

const servers: { what: string; behaviour: Behaviour; isDown?: boolean; rounds: number; each: number }[] = [
  { what: 'down', behaviour: 'forward', isDown: true, rounds: form(1, 25), each: form(1, 4) },
  { what: 'up', behaviour: 'forward', ...FEW },
  { what: 'returning 503', behaviour: OVERLOADED, ...FEW },
  { what: 'resetting connections', behaviour: 'reset', ...FEW },
  { what: 'hanging', behaviour: 'hang', ...FEW },
]

for (const { what, behaviour, isDown, rounds, each } of servers) {
  test(`tabs killed after track lose nothing, server ${what}, ${rounds * each} times`, async ({
    browser,
    faultProxy,
    server,
    site,
  }) => {
    test.setTimeout(60_000 + rounds * 90_000)
    const ids: string[] = []
    for (let round = 0; round < rounds; round += 1) {
      const cells = []
      for (const delayMs of DELAYS_MS.flatMap((delay) => Array.from({ length: each }, () => delay))) {
        // Each tab has its own context, so that no tab adopts another's events.
        const context = await browser.newContext()
        cells.push({ delayMs, context, victim: await Client.openPage(context, site, faultProxy.url) })
      }
      const pids = await separateRenderers(cells.map(({ victim }) => victim.page))
      faultProxy.behaviour = behaviour
      if (isDown) await server.kill()

      await Promise.all(
        cells.map(async ({ delayMs, victim }, index) => {
          const hanging = await site.hangingRequest()
          if (delayMs === 0) await victim.trackAndBlock(EVENTS, 'last', hanging)
          else await victim.trackAndReport(EVENTS, 'last', hanging)
          const made = JSON.parse(await hanging.body) as { id: string; stored: boolean }[]
          expect(made.filter((one) => one.stored)).toHaveLength(EVENTS)
          await sleep(delayMs)
          await killRenderer(victim.page, pids[index]!)
          ids.push(...made.map((one) => one.id))
        }),
      )

      faultProxy.behaviour = 'forward'
      if (isDown) await server.restart()
      const adopters = await Promise.all(cells.map(({ context }) => Client.openPage(context, site, faultProxy.url)))
      await expectExactlyOnce(server, ids)
      for (const adopter of adopters) await expect.poll(() => adopter.waiting()).toBe(0)
      for (const { context } of cells) await context.close()
    }
  })
}
