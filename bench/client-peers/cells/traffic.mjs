// What 1,000 events cost in storage and on the wire, 200 per second.
import { setTimeout as pause } from 'node:timers/promises'
import { storageOf, track, until, withVisitor } from '../tab.mjs'

const EVENTS = 1_000
const TASKS = 100
const TASK_EVERY_MS = 50
const SETTLE_MS = 4_000
/** Some peers send after 30 seconds only. */
const ARRIVAL_WAIT_MS = 45_000
/** For what is written after the last answer. */
const QUIET_MS = 3_000

/** Bytes written and kept, and requests, with a server that is up. */
export function measureTraffic(peer, env) {
  return withVisitor(peer, env, async ({ standIn, visitor }) => {
    const page = await visitor.open()
    await pause(SETTLE_MS)
    const [before, written] = [standIn.counts(), await storageOf(page)]
    await trackSteadily(page)
    await until(() => standIn.counts().arrived === EVENTS, ARRIVAL_WAIT_MS)
    await pause(QUIET_MS)
    const [after, storage] = [standIn.counts(), await storageOf(page)]
    return {
      ...difference(storage, written),
      keptBytes: storage.keptBytes,
      ...difference(after, before),
      problems: standIn.problems,
    }
  })
}

/** Bytes written and kept while the server is down. */
export function measureOutage(peer, env) {
  return withVisitor(peer, env, async ({ standIn, visitor }) => {
    const page = await visitor.open()
    await pause(SETTLE_MS)
    const written = await storageOf(page)
    await standIn.become('down')
    await trackSteadily(page)
    await pause(QUIET_MS)
    const storage = await storageOf(page)
    return { ...difference(storage, written), keptBytes: storage.keptBytes }
  })
}

async function trackSteadily(page) {
  for (let task = 0; task < TASKS; task += 1) {
    await track(page, (task * EVENTS) / TASKS, EVENTS / TASKS)
    await pause(TASK_EVERY_MS)
  }
}

/** What was added to each count. */
const difference = (after, before) =>
  Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - before[name]]))
