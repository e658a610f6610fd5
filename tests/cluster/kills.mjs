// Kills each part of a cluster under load, and counts what that cost.
import { setTimeout as sleep } from 'node:timers/promises'
import { compare, Load } from './load.mjs'
import { until } from './processes.mjs'

/** How long the load runs before a kill, and after everything is back. */
const AROUND_MS = 3_000
/** How long what was killed stays away. */
const AWAY_MS = 3_000
/** A lease of a server that was killed ends after a minute. */
const STORED_MS_MAX = 240_000

/** What is killed, and how everything is brought back. */
function kills({ nats, shards, servers }) {
  const again = async (programs) => {
    await Promise.all(programs.map((program) => program.kill()))
    await sleep(AWAY_MS)
    for (const program of programs) program.start()
  }
  const first = [['nothing', () => sleep(AWAY_MS)]]
  const ofServers = [
    ['one server', () => again([servers.servers[0]])],
    ['all servers', () => again(servers.servers)],
  ]
  const ofNats = nats
    ? [
        ['the NATS node that leads', async () => again([await nats.leader()])],
        ['two NATS nodes', () => again(nats.nodes.slice(0, 2))],
        ['all NATS nodes', () => again(nats.nodes)],
      ]
    : []
  const ofShards = shards.flatMap((shard) => [
    [`the standby of ${shard.name}`, async () => again([shard.other(await shard.primary())])],
    [`the primary of ${shard.name}`, async () => again([await shard.primary()])],
    [
      `the primary of ${shard.name}, whose standby takes over`,
      async () => {
        const primary = await shard.primary()
        await primary.kill()
        await shard.promote(shard.other(primary))
        await sleep(AWAY_MS)
        await shard.copyAgain(primary)
      },
    ],
  ])
  const everything = [
    [
      'everything at once',
      () => again([...servers.servers, ...(nats?.nodes ?? []), ...shards.flatMap((shard) => shard.nodes)]),
    ],
  ]
  return [...first, ...ofServers, ...ofNats, ...ofShards, ...everything]
}

/** Adds a row for each kill. */
export async function killAll(cluster, rows, say) {
  for (const [what, kill] of kills(cluster)) {
    say(`killing ${what}`)
    const load = new Load(cluster.servers.url, cluster.servers.keys.write)
    await sleep(AROUND_MS)
    await kill()
    await ready(cluster)
    await sleep(AROUND_MS)
    const acknowledged = await load.stop()
    const found = await stored(cluster, acknowledged)
    rows.push({ what, ...load.counts, ...found })
  }
}

async function ready({ nats, shards, servers }) {
  await Promise.all([nats?.ready(), ...shards.map((shard) => shard.ready())])
  await servers.ready()
}

/** Waits until everything that was acknowledged is stored, and counts it. */
async function stored(cluster, acknowledged) {
  const producers = [...new Set(acknowledged.map((text) => text.split('-')[0]))]
  const mine = new Set(producers)
  let found
  const isStored = async () => {
    const rows = await Promise.all(cluster.shards.map(texts))
    found = compare(
      acknowledged,
      rows.flat().filter((text) => mine.has(text.split('-')[0])),
    )
    if (found.lost > 0) await sleep(1_000)
    return found.lost === 0
  }
  // What is lost is in the table, and no reason to stop.
  await until('everything is stored', isStored, { msMax: STORED_MS_MAX }).catch(() => undefined)
  return found
}

async function texts(shard) {
  const rows = "SELECT properties->>'text' FROM lamplight.events WHERE name = 'cluster'"
  return shard.ask(await shard.primary(), rows)
}

/** The rows as text. */
export function table(rows) {
  const columns = [
    ['killed', ({ what }) => what],
    ['longest without an answer of 200', ({ longestMs }) => `${(longestMs / 1000).toFixed(1)} s`],
    ['requests', ({ requests }) => requests],
    ['refused', ({ refused }) => refused],
    ['broken', ({ failed }) => failed],
    ['events acknowledged', ({ acknowledged }) => acknowledged],
    ['stored', ({ stored }) => stored],
    ['lost', ({ lost }) => lost],
    ['doubled', ({ doubled }) => doubled],
  ]
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, of]) => String(of(row))))]
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index].length)))
  const lines = cells.map((line) => `| ${line.map((cell, index) => cell.padEnd(widths[index])).join(' | ')} |`)
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`)
  return lines.join('\n')
}
