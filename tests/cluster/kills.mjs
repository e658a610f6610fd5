// Kills of each part of a cluster.
import { setTimeout as sleep } from 'node:timers/promises'

/** How long what was killed stays away. */
const AWAY_MS = 3_000

/** Kills programs, and starts them again. */
export async function again(programs) {
  await Promise.all(programs.map((program) => program.kill()))
  await sleep(AWAY_MS)
  for (const program of programs) program.start()
}

/** Kills the primary of a shard for good, and promotes its standby. */
export async function failOver(shard) {
  const primary = await shard.primary()
  await primary.kill()
  await shard.promote(shard.other(primary))
  await sleep(AWAY_MS)
  await shard.copyAgain(primary)
}

/** What is killed, and how everything is brought back. */
export function kills({ nats, shards, servers }) {
  const first = [['nothing', () => sleep(AWAY_MS)]]
  const ofServers = [
    ['one server is killed', () => again([servers.servers[0]])],
    ['all servers are killed', () => again(servers.servers)],
  ]
  const ofNats = nats
    ? [
        ['the NATS node that leads is killed', async () => again([await nats.leader()])],
        ['two NATS nodes are killed', () => again(nats.nodes.slice(0, 2))],
        ['all NATS nodes are killed', () => again(nats.nodes)],
      ]
    : []
  const ofShards = shards.flatMap((shard) => [
    [`the standby of ${shard.name} is killed`, async () => again([shard.other(await shard.primary())])],
    [`the primary of ${shard.name} is killed`, async () => again([await shard.primary()])],
    [`the primary of ${shard.name} is killed, and its standby takes over`, () => failOver(shard)],
  ])
  const everything = [
    [
      'everything is killed at once',
      () => again([...servers.servers, ...(nats?.nodes ?? []), ...shards.flatMap((shard) => shard.nodes)]),
    ],
  ]
  return [...first, ...ofServers, ...ofNats, ...ofShards, ...everything]
}
