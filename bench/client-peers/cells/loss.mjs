// Plays a scenario with a peer, and counts the events that did not arrive.
import { setTimeout as pause } from 'node:timers/promises'
import { kill, track, trackAndLeave, until, withVisitor } from '../tab.mjs'

/** How long the benchmark waits after it has tracked one more event. */
const POKE_WAIT_MS = 20_000
/** How long a page has to load its configuration and whatever else it loads late. */
const SETTLE_MS = 4_000
/** The number of that event. Those of the scenario are lower. */
const POKE = 900_000

/**
 * Returns `{ sent, lost, lostAfterPoke, twice }`. `lost` is how many events had not arrived after
 * the scenario's wait, `lostAfterPoke` how many after the page tracked one more event, because some
 * peers send what is left only with the next event. `twice` counts further copies of events.
 */
export function playLoss(scenario, peer, env) {
  return withVisitor(peer, { ...env, answerMs: scenario.answerMs }, async ({ standIn, visitor }) => {
    const pages = []
    for (let tab = 0; tab < scenario.tabs; tab += 1) pages.push(await visitor.open())
    await pause(SETTLE_MS)
    await standIn.become(scenario.fault)
    const faultyMs = performance.now()
    const left = await Promise.all(pages.map((page, tab) => act(scenario, page, tab * scenario.events, visitor)))
    if (scenario.outageMs) await pause(Math.max(0, faultyMs + scenario.outageMs - performance.now()))
    await standIn.become('up')
    const page = left.find((page) => page) ?? (await visitor.open())

    const sent = scenario.tabs * scenario.events
    const missing = () => {
      let count = 0
      for (let number = 0; number < sent; number += 1) if (!standIn.has(number)) count += 1
      return count
    }
    await until(() => missing() === 0, scenario.waitMs)
    const lost = missing()
    if (lost) {
      await track(page, POKE, 1)
      await until(() => missing() === 0, scenario.pokeWaitMs ?? POKE_WAIT_MS)
    }
    const { arrived, copies } = standIn.counts()
    return { sent, lost, lostAfterPoke: missing(), twice: copies - arrived, problems: standIn.problems }
  })
}

/** Tracks a tab's events and ends the tab. Returns its page if it is still there. */
async function act({ events, everyMs, end, endAfterMs }, page, from, visitor) {
  if (end === 'navigate') {
    await trackAndLeave(page, from, events, visitor.address('?next'))
    await visitor.start(page)
    return page
  }
  await track(page, from, events, everyMs)
  if (end === 'stay') return page
  if (endAfterMs) await pause(endAfterMs)
  if (end === 'kill') await kill(page)
  else await page.close()
}
