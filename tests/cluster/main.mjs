// The cluster of server/packaging/cluster on this machine, without containers, which
// `cargo xtask cluster` runs.
import path from 'node:path'
import { parseArgs } from 'node:util'
import { clocks } from './clocks.mjs'
import { startCluster } from './cluster.mjs'
import { cuts } from './cuts.mjs'
import { isRight } from './exactness.mjs'
import { survive } from './faults.mjs'
import { kills } from './kills.mjs'
import { Mover, moves } from './moves.mjs'
import { table } from './table.mjs'

const { values: options } = parseArgs({
  options: {
    folder: { type: 'string' },
    shards: { type: 'string', default: '2' },
    servers: { type: 'string', default: '2' },
    'without-nats': { type: 'boolean', default: false },
    kills: { type: 'boolean', default: false },
    cuts: { type: 'boolean', default: false },
    clocks: { type: 'boolean', default: false },
    moves: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [''] },
  },
})
const folder = path.resolve(required('folder', options.folder))
const programOf = (name) => required(name, process.env[name])
const programs = {
  binary: programOf('LAMPLIGHT_BIN'),
  balancer: programOf('TEST_HAPROXY'),
  nats: programOf('TEST_NATS'),
  postgres: programOf('TEST_POSTGRES'),
  // A clock can be set only if its program is started for that.
  clock: options.clocks ? programOf('TEST_FAKETIME') : undefined,
}

/** What runs, in the order in which it was started. */
const running = []
/** What each fault cost. */
const rows = []
const say = (text) => console.log(text)
let ending
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void end(0))

try {
  const cluster = await startCluster({
    folder,
    programs,
    shards: Number(options.shards),
    servers: Number(options.servers),
    withNats: !options['without-nats'],
    // Kills are measured without wires, as connections of a user have none.
    withWires: options.cuts,
    running,
  })
  const faults = faultsOf(cluster)
  if (faults.length > 0) {
    await survive(cluster, faults, rows, say)
    await new Mover(cluster).verify()
    await end(rows.every(isRight) ? 0 : 1)
  } else {
    explain(cluster)
    // Until Ctrl-C.
    setInterval(() => undefined, 1 << 30)
  }
} catch (error) {
  if (!ending) {
    console.error(error instanceof Error ? error.message : error)
    await end(1)
  }
}

/** The faults that are asked for. */
function faultsOf(cluster) {
  const kinds = { kills, cuts, clocks, moves }
  const faults = Object.entries(kinds).flatMap(([kind, of]) => (options[kind] ? of(cluster) : []))
  return faults.filter(([what]) => options.only.some((text) => what.includes(text)))
}

function explain({ nats, shards, servers }) {
  const programs = [
    ...(nats?.nodes ?? []),
    ...shards.flatMap(({ nodes }) => nodes),
    ...servers.servers,
    servers.balancer,
  ]
  const width = Math.max(...programs.map(({ name }) => name.length))
  say('\nThe cluster runs. Process ids:')
  for (const { name, pid } of programs) say(`  ${name.padEnd(width)}  ${pid}`)
  say(`\nAddress:      ${servers.url}    (write key ${servers.keys.write}, admin token ${servers.keys.admin})`)
  for (const { name, url } of servers.servers) say(`${`${name}:`.padEnd(14)}${url}`)
  for (const { name, monitor } of nats?.places ?? []) say(`${`${name}:`.padEnd(14)}http://${monitor}/jsz`)
  for (const { name, nodes, passwords } of shards) {
    const [first, second] = nodes.map(({ port }) => port)
    const psql = `PGPASSWORD=${passwords.POSTGRES_PASSWORD} psql -h 127.0.0.1 -U postgres -d postgres`
    say(`${`${name}:`.padEnd(14)}${psql} -p ${first}    (its standby: -p ${second})`)
  }
  say(`Logs:         ${folder}/*.log`)
  say('\nTry this in another terminal:')
  const event = `-H 'authorization: Bearer ${servers.keys.write}' -H 'content-type: application/json'`
  say(`  while sleep 0.2; do curl -s ${servers.url}/v1/events ${event} -d '{"name":"hello"}'; echo; done`)
  const [leader] = nats?.nodes ?? []
  if (leader) say(`  kill -9 ${leader.pid}    a NATS node: answers stop for some seconds at most`)
  const [shard] = shards
  say(
    `  kill -9 ${shard.nodes[0].pid}    the primary of ${shard.name}: ${nats ? 'events are taken and wait' : 'events are refused'}`,
  )
  say(`  kill -9 ${servers.servers[0].pid}    a server: the other one goes on`)
  say('What was killed is not started again. To see all of that with counts: cargo xtask cluster --kills')
  say('\nStop with Ctrl-C')
}

function required(name, value) {
  if (value) return value
  console.error(`${name} is missing: run cargo xtask cluster`)
  process.exit(2)
}

/** Stops everything, the last first. */
async function end(status) {
  ending ??= (async () => {
    if (rows.length > 0) say(`\n${table(rows)}`)
    for (const part of running.reverse()) await part.stop()
    process.exit(status)
  })()
  await ending
}
