// A visit of ten pages with six events each.
import { setTimeout as pause } from 'node:timers/promises'
import { track, trackAndLeave, until, withVisitor } from '../tab.mjs'

const PAGES = 10
const EVENTS = 6
const EVERY_MS = 300
const LOAD_MS = 500
/** Longer than the next page takes, so that pages leave before they know what arrived. */
const ANSWER_MS = 100
const ARRIVAL_WAIT_MS = 45_000
/** How long a visitor waits for the events of a page. */
const STAY_MS = 6_000

/**
 * Counts for the whole visit. The visitor follows a link in the task of the page's last event, or,
 * if `waits`, when the page's events have arrived.
 */
export function measureVisit(peer, waits, env) {
  return withVisitor(peer, { ...env, answerMs: ANSWER_MS }, async ({ standIn, visitor }) => {
    const page = await visitor.open('?page=0')
    for (let number = 0; number < PAGES; number += 1) {
      const first = number * EVENTS
      const isLast = number === PAGES - 1
      const address = visitor.address(`?page=${number + 1}`)
      await pause(LOAD_MS)
      await track(page, first, EVENTS - 1, EVERY_MS)
      if (!waits && !isLast) {
        await trackAndLeave(page, first + EVENTS - 1, 1, address)
        await visitor.start(page)
        continue
      }
      await track(page, first + EVENTS - 1, 1)
      await until(() => standIn.counts().arrived === first + EVENTS, isLast ? ARRIVAL_WAIT_MS : STAY_MS)
      if (isLast) break
      await page.goto(address)
      await visitor.start(page)
    }
    // Copies of what a page sent before it left may come late.
    await pause(STAY_MS)
    const { requests, preflights, wireBytes, arrived, copies } = standIn.counts()
    return { pages: PAGES, requests, preflights, wireBytes, lost: PAGES * EVENTS - arrived, twice: copies - arrived }
  })
}
