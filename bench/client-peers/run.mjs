// Measures cells of peers.
import { startServer } from '../client/lamplight.mjs'
import { FLOOR } from './peers.mjs'
import { serveSite } from './site.mjs'
import { launch } from './tab.mjs'

/** How many heavy cells run at once. */
const HEAVY = 3

/**
 * Measures `cells` of `peers` in `runs` runs, `concurrent` at once of those that mostly wait. Calls
 * `record(cell, peer, result)` after each. `runsOf(cell, peer)` is how many runs are known already
 * and left out. Odd runs have the opposite order of peers. Returns the browser's version, and which
 * cells failed.
 */
export async function measureAll({ cells, peers, runs, concurrent, runsOf = () => 0 }, record) {
  const tasks = tasksOf({ cells, peers, runs, runsOf })
  const site = await serveSite([FLOOR, ...peers])
  const server = peers.some(({ name }) => name === 'lamplight') ? await startServer() : undefined
  const failures = []
  // Lamplight's events go to the real server behind the stand-in. Nobody else has a server here.
  const upstreamOf = (peer) => (peer.name === 'lamplight' ? server.url : undefined)
  let version

  /** Does tasks of a list until there is none, in a browser of its own. */
  const work = async (list) => {
    let browser
    for (let task = list.shift(); task; task = list.shift()) {
      const { cell, peer, isRepeated } = task
      try {
        browser ??= await launch()
        version = browser.version()
        record(cell, peer, await cell.measure(peer, { browser, origin: site.origin, upstream: upstreamOf(peer) }))
      } catch (error) {
        console.error(`${cell.name} of ${peer.title} failed: ${error.message}`)
        if (isRepeated) failures.push(`${cell.name} of ${peer.title}: ${error.message}`)
        else list.push({ ...task, isRepeated: true })
        await browser?.close()
        browser = undefined
      }
    }
    await browser?.close()
  }
  const workers = (count, list) => Promise.all(Array.from({ length: Math.min(count, list.length) }, () => work(list)))

  try {
    await work(tasks.filter(({ cell }) => cell.isTimed))
    const [heavy, light] = [true, false].map((isHeavy) =>
      tasks.filter(({ cell }) => !cell.isTimed && Boolean(cell.isHeavy) === isHeavy),
    )
    await workers(HEAVY, heavy)
    await workers(concurrent, light)
    return { version, failures }
  } finally {
    site.stop()
    await server?.stop()
  }
}

function tasksOf({ cells, peers, runs, runsOf }) {
  const tasks = []
  for (let run = 0; run < runs; run += 1) {
    const order = run % 2 ? peers.toReversed() : peers
    for (const cell of cells.filter(({ isExact }) => !isExact || run === 0))
      for (const peer of cell.hasFloor ? [FLOOR, ...order] : order)
        if (runsOf(cell, peer) <= run) tasks.push({ cell, peer })
  }
  return tasks
}
