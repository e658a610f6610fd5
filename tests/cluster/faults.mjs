// Lets faults happen to a cluster under load, and counts what each cost.
import { setTimeout as sleep } from 'node:timers/promises'
import { Exactness } from './exactness.mjs'
import { Load } from './load.mjs'

/**
 * Adds a row for each fault: what it is, and what lets it happen and takes it back.
 *
 * @param {{ nats?: any, shards: any[], servers: any }} cluster
 * @param {[string, () => Promise<unknown>][]} faults
 * @param {Record<string, unknown>[]} rows
 * @param {(text: string) => void} say
 * @param {number} aroundMs how long the load runs before a fault, and after everything is back
 */
export async function survive(cluster, faults, rows, say, aroundMs = 3_000) {
  const exactness = new Exactness(cluster)
  for (const [what, happen] of faults) {
    say(what)
    const load = new Load(cluster.servers.url, cluster.servers.keys.write)
    let acknowledged
    try {
      await sleep(aroundMs)
      await happen()
      await ready(cluster)
      await sleep(aroundMs)
    } finally {
      acknowledged = await load.stop()
    }
    const found = await exactness.of(acknowledged)
    rows.push({ what, ...load.counts, ...found })
  }
}

async function ready({ nats, shards, servers }) {
  await Promise.all([nats?.ready(), ...shards.map((shard) => shard.ready())])
  await servers.ready()
}
