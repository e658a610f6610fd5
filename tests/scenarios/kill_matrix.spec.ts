import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { type Behaviour, FaultProxy, OVERLOADED } from '../harness/fault_proxy.ts'
import { form } from '../harness/form.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

const EVENTS = 100
/**
 * Times between the last `track()` and the kill, in milliseconds. At 0, the page runs no other
 * task.
 */
const DELAYS_MS = [0, 10, 50, 300, 1_500]

interface Kind {
  what: string
  behaviour: Behaviour
  isDown?: boolean
}

const DOWN: Kind = { what: 'down', behaviour: 'forward', isDown: true }
const OTHERS: Kind[] = [
  { what: 'up', behaviour: 'forward' },
  { what: 'returning 503', behaviour: OVERLOADED },
  { what: 'resetting connections', behaviour: 'reset' },
  { what: 'hanging', behaviour: 'hang' },
]

/** Kinds of servers at a time, each behind a proxy of its own. */
interface Matrix {
  kinds: Kind[]
  delays: number[]
  rounds: number
  each: number
}

const alone = (kind: Kind): Matrix => ({ kinds: [kind], delays: DELAYS_MS, rounds: 5, each: 1 })
const matrices = form<Matrix[]>(
  [
    { kinds: [DOWN], delays: DELAYS_MS, rounds: 1, each: 1 },
    { kinds: OTHERS, delays: [0, 300], rounds: 1, each: 1 },
  ],
  [{ kinds: [DOWN], delays: DELAYS_MS, rounds: 25, each: 4 }, ...OTHERS.map(alone)],
)

for (const { kinds, delays, rounds, each } of matrices) {
  const what = kinds.map(({ what }) => what).join(', ')
  test(`tabs killed after track lose nothing, server ${what}, ${rounds * each} times`, async ({
    browser,
    server,
    site,
  }) => {
    test.setTimeout(60_000 + rounds * 90_000)
    const isDown = kinds.some((kind) => kind.isDown)
    const proxies = await Promise.all(kinds.map(() => FaultProxy.start(server.url)))
    const ids: string[] = []
    for (let round = 0; round < rounds; round += 1) {
      const cells = []
      for (const proxy of proxies) {
        for (const delayMs of delays.flatMap((delay) => Array.from({ length: each }, () => delay))) {
          // Each tab has its own context, so that no tab adopts another's events.
          const context = await browser.newContext()
          cells.push({ delayMs, proxy, context, victim: await Client.openPage(context, site, proxy.url) })
        }
      }
      const pids = await separateRenderers(cells.map(({ victim }) => victim.page))
      for (const [at, proxy] of proxies.entries()) proxy.behaviour = kinds[at]!.behaviour
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

      for (const proxy of proxies) proxy.behaviour = 'forward'
      if (isDown) await server.restart()
      const adopters = await Promise.all(cells.map(({ context, proxy }) => Client.openPage(context, site, proxy.url)))
      await expectExactlyOnce(server, ids)
      for (const adopter of adopters) await expect.poll(() => adopter.waiting()).toBe(0)
      for (const { context } of cells) await context.close()
    }
    for (const proxy of proxies) await proxy.close()
  })
}
