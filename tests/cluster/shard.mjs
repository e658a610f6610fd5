// The two nodes of a shard, from the configuration and the script that Compose and Kubernetes use.
import { execFile } from 'node:child_process'
import { chownSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { freePorts, Program, plainEnvironment, until } from './processes.mjs'
import { PLAIN } from './wires.mjs'

/** @typedef {{ reach(from: string, to: string, port: number): Promise<number> }} Network */

/** The user that runs PostgreSQL if root runs this, because it refuses root. */
const NOBODY = { uid: 65_534, gid: 65_534 }
const as = process.getuid?.() === 0 ? NOBODY : undefined

export class Shard {
  /**
   * Starts both, and adds the shard to what runs.
   *
   * @param {{ name: string, folder: string, config: string, programs: string,
   *   passwords: Record<string, string>, network?: Network,
   *   running?: { stop(): Promise<void> }[] }} shard
   */
  static async start({ name, folder, config, programs, passwords, network = PLAIN, running = [] }) {
    const ports = await freePorts(2)
    mkdirSync(path.join(folder, name), { recursive: true })
    if (as) chownSync(path.join(folder, name), as.uid, as.gid)
    const nameOf = (index) => `${name}-node${index}`
    const node = async (port, index) => {
      const reached = ports.map((other, at) => (at === index ? other : network.reach(nameOf(index), nameOf(at), other)))
      const data = path.join(folder, name, `node${index}`)
      const env = {
        ...plainEnvironment(),
        ...passwords,
        LC_ALL: 'C',
        PATH: `${programs}${path.delimiter}${process.env.PATH}`,
        NODES: (await Promise.all(reached)).map((port) => `127.0.0.1:${port}`).join(' '),
        INDEX: String(index),
        CONFIG: config,
        PGDATA: data,
      }
      const args = ['-p', String(port)]
      // As much as fits on a developer's machine, beside everything else.
      for (const setting of ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'shared_buffers=64MB'])
        args.push('-c', setting)
      const log = path.join(folder, `${nameOf(index)}.log`)
      const how = {
        command: path.join(config, 'start.sh'),
        args,
        env,
        cwd: path.join(folder, name),
        log,
        as,
        stopSignal: 'SIGINT',
        // A node does not start while a process that survived a kill still has its memory.
        restarts: true,
      }
      return Object.assign(new Program(nameOf(index), how), { port, data })
    }
    const nodes = await Promise.all(ports.map(node))
    const shard = new Shard(name, nodes, { programs, passwords, network })
    running.push(shard)
    for (const node of nodes) node.start()
    await shard.ready()
    return shard
  }

  constructor(name, nodes, { programs, passwords, network }) {
    this.name = name
    this.nodes = nodes
    this.programs = programs
    this.passwords = passwords
    this.network = network
  }

  /** The database URL of an operator. */
  get url() {
    return this.#url(this.nodes.map(({ port }) => port))
  }

  /** The database URL of a server. */
  async urlOf(server) {
    return this.#url(await Promise.all(this.nodes.map(({ name, port }) => this.network.reach(server, name, port))))
  }

  #url(ports) {
    const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',')
    return `postgres://lamplight:${this.passwords.DATABASE_PASSWORD}@${hosts}/lamplight?target_session_attrs=read-write`
  }

  /** What a statement of the superuser answers, as lines. */
  async ask(node, statement, database = 'lamplight') {
    const place = `postgres://postgres:${this.passwords.POSTGRES_PASSWORD}@127.0.0.1:${node.port}/${database}`
    const args = ['--no-psqlrc', '--quiet', '--no-align', '--tuples-only', '--dbname', place, '--command', statement]
    const env = { ...plainEnvironment(), PGCONNECT_TIMEOUT: '3' }
    const options = { env, maxBuffer: 1 << 30, timeout: 60_000 }
    const { stdout } = await promisify(execFile)(path.join(this.programs, 'psql'), args, options)
    return stdout.split('\n').filter((line) => line !== '')
  }

  /** The node that takes writes. */
  async primary() {
    for (const node of this.nodes) {
      const answer = await this.ask(node, 'SELECT pg_is_in_recovery()').catch(() => [])
      if (answer[0] === 'f') return node
    }
    return undefined
  }

  other(node) {
    return this.nodes.find((other) => other !== node)
  }

  /** Waits until there is a primary, and a standby that a commit waits for. */
  ready() {
    const statement = 'SELECT sync_state FROM pg_stat_replication'
    const isReady = async () => {
      const primary = await this.primary()
      return primary && (await this.ask(primary, statement)).includes('quorum')
    }
    return until(`${this.name} has a primary and a standby`, isReady, { programs: this.nodes })
  }

  /** Makes the standby the primary. */
  async promote(node) {
    await this.ask(node, 'SELECT pg_promote()')
  }

  /** Starts a node again without its data, so that it copies the other one. */
  async copyAgain(node) {
    await node.stop()
    rmSync(node.data, { recursive: true, force: true })
    node.start()
    await this.ready()
  }

  async stop() {
    const primary = await this.primary()
    // A primary that stops waits for its standby.
    const order = primary ? [primary, this.other(primary)] : this.nodes
    for (const node of order) await node.stop()
  }
}
