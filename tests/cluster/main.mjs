// The cluster of server/packaging/cluster on this machine, without containers, which
// `cargo xtask cluster` runs.
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { killAll, table } from './kills.mjs'
import { Nats } from './nats.mjs'
import { Servers } from './servers.mjs'
import { Shard } from './shard.mjs'

const CONFIG = fileURLToPath(new URL('../../server/packaging/cluster', import.meta.url))
const PASSWORDS = {
  NATS_PASSWORD: '0000012345',
  NATS_ROUTE_PASSWORD: 'routes012345',
  NATS_OPERATOR_PASSWORD: 'operator012345',
  POSTGRES_PASSWORD: 'superuser012345',
  REPLICATION_PASSWORD: 'replication012345',
  DATABASE_PASSWORD: 'database012345',
}

const { values: options } = parseArgs({
  options: {
    folder: { type: 'string' },
    shards: { type: 'string', default: '2' },
    servers: { type: 'string', default: '2' },
    'without-nats': { type: 'boolean', default: false },
    kills: { type: 'boolean', default: false },
  },
})
const folder = path.resolve(required('folder', options.folder))
const [binary, balancer, natsPrograms, postgresPrograms] = [
  'LAMPLIGHT_BIN',
  'TEST_HAPROXY',
  'TEST_NATS',
  'TEST_POSTGRES',
].map((name) => required(name, process.env[name]))

/** What runs, in the order in which it was started. */
const running = []
/** What each kill cost. */
const rows = []
const say = (text) => console.log(text)
let ending
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void end(0))

try {
  const cluster = await start()
  if (options.kills) {
    await killAll(cluster, rows, say)
    await end(rows.some(({ lost, doubled }) => lost + doubled > 0) ? 1 : 0)
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

async function start() {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const config = (name) => path.join(CONFIG, name)
  const nats = options['without-nats']
    ? undefined
    : await Nats.start({
        folder,
        config: config('nats/nats.conf'),
        programs: natsPrograms,
        passwords: PASSWORDS,
        running,
      })
  const names = Array.from({ length: Number(options.shards) }, (_, index) => `shard${index + 1}`)
  const shards = await Promise.all(
    names.map((name) =>
      Shard.start({
        name,
        folder,
        config: config('postgres'),
        programs: postgresPrograms,
        passwords: PASSWORDS,
        running,
      }),
    ),
  )
  const settings = { LAMPLIGHT_DATABASE_URL: shards.map(({ url }) => url).join(' ') }
  if (nats) settings.LAMPLIGHT_INTAKE_URL = nats.url
  const count = Number(options.servers)
  const haproxy = config('lamplight/haproxy.cfg')
  const servers = await Servers.start({ folder, config: haproxy, binary, balancer, count, settings, running })
  return { nats, shards, servers }
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
  for (const { name, nodes } of shards) say(`${`${name}:`.padEnd(14)}ports ${nodes.map(({ port }) => port).join(', ')}`)
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
