// Three nodes of NATS, from the configuration file that Compose and Kubernetes use.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { freePorts, Program, plainEnvironment, until } from './processes.mjs'
import { PLAIN } from './wires.mjs'

const NODES = 3
/** Nodes tell each other where they listen. Where this leads nowhere, all of them use wires. */
const NOWHERE = '127.0.0.1:9'
const host = (port) => `127.0.0.1:${port}`
const quoted = (text) => JSON.stringify(text)

export class Nats {
  /** Starts them, and adds itself to what runs before, so that it is stopped in any case. */
  static async start({ folder, config, programs, passwords, network = PLAIN, running = [] }) {
    const ports = await freePorts(3 * NODES)
    const places = Array.from({ length: NODES }, (_, index) => {
      const [clients, monitor, routes] = ports.slice(3 * index)
      return { name: `nats${index + 1}`, ports: { clients, monitor, routes }, monitor: host(monitor) }
    })
    const node = async (place) => {
      const reached = places.map(({ name, ports }) =>
        name === place.name ? ports.routes : network.reach(place.name, name, ports.routes),
      )
      const user = `route:${passwords.NATS_ROUTE_PASSWORD}`
      const routes = (await Promise.all(reached)).map((port) => `nats://${user}@${host(port)}`)
      const cwd = path.join(folder, place.name)
      mkdirSync(cwd, { recursive: true })
      const env = {
        ...plainEnvironment(),
        NATS_NAME: quoted(place.name),
        NATS_LISTEN: quoted(host(place.ports.clients)),
        NATS_MONITOR: quoted(place.monitor),
        NATS_CLUSTER_LISTEN: quoted(host(place.ports.routes)),
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
        args: ['-c', config, ...(network === PLAIN ? [] : ['--cluster_advertise', NOWHERE])],
        env,
        cwd,
        log: path.join(folder, `${place.name}.log`),
      })
    }
    const nodes = await Promise.all(places.map(node))
    const nats = new Nats(places, nodes, { passwords, network })
    running.push(nats)
    for (const node of nodes) node.start()
    await nats.ready()
    return nats
  }

  constructor(places, nodes, { passwords, network }) {
    this.places = places
    this.nodes = nodes
    this.passwords = passwords
    this.network = network
  }

  /** The intake URL of a server. */
  async urlOf(server) {
    const list = async (kind, before = '') => {
      const ports = this.places.map(({ name, ports }) => this.network.reach(server, name, ports[kind]))
      return (await Promise.all(ports)).map((port) => before + host(port)).join(',')
    }
    const [clients, monitors] = [await list('clients'), await list('monitor', 'http://')]
    return `nats://lamplight:${this.passwords.NATS_PASSWORD}@${clients}?monitor=${monitors}&max_gib=1`
  }

  /** Waits until all nodes run, reach each other, follow the same leader and have caught up. */
  ready() {
    const leaderOf = async ({ monitor, name }) => {
      const { status } = await said(monitor, 'healthz')
      const { routes } = await said(monitor, 'routez')
      const { leader, cluster_size, replicas = [] } = (await said(monitor, 'jsz')).meta_cluster ?? {}
      const reached = new Set(routes.map(({ remote_name }) => remote_name))
      // Others do not know how far each has come.
      const isCurrent = name !== leader || replicas.every(({ current }) => current)
      const isWhole = cluster_size === NODES && reached.size === NODES - 1 && isCurrent
      return status === 'ok' && isWhole ? leader : undefined
    }
    const all = async () => {
      const leaders = await Promise.all(this.places.map(leaderOf))
      return leaders[0] && new Set(leaders).size === 1 && this.leader()
    }
    return until('NATS has a leader', all, { programs: this.nodes })
  }

  /** The node that leads the stream, or the nodes if there is no stream. */
  async leader() {
    for (const { monitor } of this.places) {
      const found = await said(monitor, 'jsz?streams=true').catch(() => undefined)
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

/** What a node says about itself. */
async function said(monitor, path) {
  return (await fetch(`http://${monitor}/${path}`, { signal: AbortSignal.timeout(3_000) })).json()
}
