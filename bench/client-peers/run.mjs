// Measures cells of peers, and returns what each run gave.
import { startServer } from '../client/lamplight.mjs'
import { FLOOR } from './peers.mjs'
import { serveSite } from './site.mjs'
import { launch } from './tab.mjs'

/** One cell of one peer, once more if it fails: a busy machine may miss a timeout of the driver. */
async function measureOnce({ cell, peer }, env) {
  try {
    return await cell.measure(peer, env)
  } catch (error) {
    console.error(`${cell.name} of ${peer.title} is measured again: ${error.message}`)
    return cell.measure(peer, env)
  }
}

/**
 * Measures `cells` of `peers` in `runs` runs, `concurrent` of those that do not measure time at
 * once. Calls `record(cell, peer, result)` after each. The order of peers turns round from run to
 * run, beginning with `firstRun`.
 */
export async function measureAll({ cells, peers, runs, concurrent, firstRun = 0 }, record) {
  const [alone, together] = [[], []]
  for (let run = firstRun; run < firstRun + runs; run += 1) {
    const order = run % 2 ? peers.toReversed() : peers
    for (const cell of cells) {
      if (cell.isExact && run > firstRun) continue
      for (const peer of cell.hasFloor ? [FLOOR, ...order] : order)
        (cell.isTimed ? alone : together).push({ cell, peer })
    }
  }
  const site = await serveSite([FLOOR, ...peers])
  const hasLamplight = peers.some(({ name }) => name === 'lamplight')
  const server = hasLamplight ? await startServer() : undefined
  const browser = await launch()
  // Its events go to the real server behind the stand-in. Those of others have no server of theirs.
  const envOf = (peer) => ({
    browser,
    origin: site.origin,
    upstream: peer.name === 'lamplight' ? server.url : undefined,
  })
  const work = async (tasks) => {
    for (let task = tasks.shift(); task; task = tasks.shift())
      record(task.cell, task.peer, await measureOnce(task, envOf(task.peer)))
  }
  try {
    await work(alone)
    await Promise.all(Array.from({ length: concurrent }, () => work(together)))
    return browser.version()
  } finally {
    await browser.close()
    site.stop()
    await server?.stop()
  }
}
