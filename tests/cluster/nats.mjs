// Three nodes of NATS, from the configuration file that Compose and Kubernetes use.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { freePorts, Program, plainEnvironment, until } from './processes.mjs'

const NODES = 3
const quoted = (text) => JSON.stringify(text)

export class Nats {
  /** Starts them, and adds itself to what runs before, so that it is stopped in any case. */
  static async start({ folder, config, programs, passwords, running = [] }) {
    const ports = await freePorts(3 * NODES)
    const host = (index) => `127.0.0.1:${ports[index]}`
    const places = Array.from({ length: NODES }, (_, index) => ({
      name: `nats${index + 1}`,
      clients: host(3 * index),
      monitor: host(3 * index + 1),
      routes: host(3 * index + 2),
    }))
    const routes = places.map(({ routes }) => `nats://route:${passwords.NATS_ROUTE_PASSWORD}@${routes}`)
    const nodes = places.map((place) => {
      const cwd = path.join(folder, place.name)
      mkdirSync(cwd, { recursive: true })
      const env = {
        ...plainEnvironment(),
        NATS_NAME: quoted(place.name),
        NATS_LISTEN: quoted(place.clients),
        NATS_MONITOR: quoted(place.monitor),
        NATS_CLUSTER_LISTEN: quoted(place.routes),
        NATS_ROUTES: JSON.stringify(routes),
        NATS_STORE: quoted(path.join(cwd, 'data')),
        NATS_STORE_MAX: '4GB',
        NATS_PASSWORD: quoted(passwords.NATS_PASSWORD),
        NATS_ROUTE_PASSWORD: quoted(passwords.NATS_ROUTE_PASSWORD),
        NATS_OPERATOR_PASSWORD: quoted(passwords.NATS_OPERATOR_PASSWORD),
      }
      const command = path.join(programs, 'nats-server')
      return new Program(place.name, {
        command,
        args: ['-c', config],
        env,
        cwd,
        log: path.join(folder, `${place.name}.log`),
      })
    })
    const nats = new Nats(places, nodes, passwords)
    running.push(nats)
    for (const node of nodes) node.start()
    await nats.ready()
    return nats
  }

  constructor(places, nodes, passwords) {
    this.places = places
    this.nodes = nodes
    this.passwords = passwords
  }

  /** The intake URL. */
  get url() {
    const list = (key, before = '') => this.places.map((place) => before + place[key]).join(',')
    return `nats://lamplight:${this.passwords.NATS_PASSWORD}@${list('clients')}?monitor=${list('monitor', 'http://')}&max_gib=1`
  }

  /** Waits until all nodes run, know each other and have caught up. */
  ready() {
    const isReady = async ({ monitor }) => {
      const healthy = await fetch(`http://${monitor}/healthz`)
      return healthy.ok && (await jetstream(monitor)).meta_cluster?.cluster_size === NODES
    }
    const all = async () => (await Promise.all(this.places.map(isReady))).every(Boolean) && this.leader()
    return until('NATS has a leader', all, { programs: this.nodes })
  }

  /** The node that leads the stream, or the nodes if there is no stream. */
  async leader() {
    for (const { monitor } of this.places) {
      const found = await jetstream(monitor, '?streams=true').catch(() => undefined)
      const stream = found?.account_details?.flatMap((account) => account.stream_detail ?? [])[0]
      const name = stream?.cluster?.leader ?? found?.meta_cluster?.leader
      if (name) return this.nodes[this.places.findIndex((place) => place.name === name)]
    }
    return undefined
  }

  async stop() {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }
}

async function jetstream(monitor, ask = '') {
  return (await fetch(`http://${monitor}/jsz${ask}`, { signal: AbortSignal.timeout(3_000) })).json()
}
