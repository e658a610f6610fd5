// All parts of a cluster, started from the files that Compose and Kubernetes use.
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Nats } from './nats.mjs'
import { Servers } from './servers.mjs'
import { Shard } from './shard.mjs'
import { PLAIN, Wires } from './wires.mjs'

const CONFIG = fileURLToPath(new URL('../../server/packaging/cluster', import.meta.url))
const PASSWORDS = {
  NATS_PASSWORD: '0000012345',
  NATS_ROUTE_PASSWORD: 'routes012345',
  NATS_OPERATOR_PASSWORD: 'operator012345',
  POSTGRES_PASSWORD: 'superuser012345',
  REPLICATION_PASSWORD: 'replication012345',
  DATABASE_PASSWORD: 'database012345',
}

/**
 * Starts a cluster in an empty folder. Adds to `running` what the caller must stop, the last first.
 *
 * @typedef {{ binary: string, balancer: string, nats: string, postgres: string,
 *   clock?: string }} Programs
 * @param {{ folder: string, programs: Programs, shards?: number, servers?: number,
 *   withNats?: boolean, withWires?: boolean, running: { stop(): unknown }[] }} cluster
 */
export async function startCluster({
  folder,
  programs,
  shards: shardCount = 2,
  servers: serverCount = 2,
  withNats = true,
  withWires = false,
  running,
}) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const config = (name) => path.join(CONFIG, name)
  /** @type {Wires} */
  const network = withWires ? new Wires() : PLAIN
  if (network instanceof Wires) running.push(network)
  const all = { folder, passwords: PASSWORDS, network, running }
  const nats = withNats
    ? await Nats.start({ ...all, config: config('nats/nats.conf'), programs: programs.nats })
    : undefined
  const ofShards = { ...all, config: config('postgres'), programs: programs.postgres }
  const names = Array.from({ length: shardCount }, (_, index) => `shard${index + 1}`)
  const shards = await Promise.all(names.map((name) => Shard.start({ ...ofShards, name })))
  /** @param {string} server */
  const settingsOf = async (server) => {
    const urls = await Promise.all(shards.map((shard) => shard.urlOf(server)))
    const settings = { LAMPLIGHT_DATABASE_URL: urls.join(' ') }
    return nats ? { ...settings, LAMPLIGHT_INTAKE_URL: await nats.urlOf(server) } : settings
  }
  const { binary, balancer, clock } = programs
  const ofServers = { folder, network, running, config: config('lamplight/haproxy.cfg'), binary, balancer, clock }
  const servers = await Servers.start({ ...ofServers, count: serverCount, settingsOf })
  return { nats, shards, servers, network, binary, folder }
}
