// Buckets that move between the shards of a cluster while it works, and what is killed meanwhile.
import { rmSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { again, failOver } from './kills.mjs'
import { Program, plainEnvironment, until } from './processes.mjs'

/** So that a move has several chunks, and each takes a while. */
const AT_ONCE = '64'
/** When the mover is killed, in milliseconds after its start. */
const KILLED_AFTER_MS = [150, 400, 250, 700, 500, 1_000]
const MOVED_MS_MAX = 180_000

export class Mover {
  constructor({ shards, binary, folder }) {
    this.shards = shards
    this.folder = folder
    this.binary = binary
    this.environment = { ...plainEnvironment(), LAMPLIGHT_DATABASE_URL: shards.map(({ url }) => url).join(' ') }
  }

  /** Starts a command about shards. */
  start(...args) {
    return this.#run(['shards', ...args], this.environment)
  }

  #run(args, env) {
    const log = path.join(this.folder, 'mover.log')
    rmSync(log, { force: true })
    const how = { command: this.binary, args, env, cwd: this.folder, log }
    const program = new Program('mover', how)
    program.start()
    return program
  }

  /** Waits until a program ends, and resolves with whether it succeeded. */
  async ended(program) {
    await until('the mover ends', () => !program.isRunning, { msMax: MOVED_MS_MAX })
    return program.succeeded
  }

  /** Moves to the end. */
  async move(...args) {
    const program = this.start('move', '--at-once', AT_ONCE, ...args)
    if (!(await this.ended(program))) throw new Error(`failed to move: ${program.printed()}`)
  }

  /** Whether a chunk is on its way, by the map of the control shard. */
  async isMoving() {
    const [control] = this.shards
    const [map] = await control.ask(await control.primary(), 'SELECT map FROM lamplight.shard')
    return 'moving' in JSON.parse(map)
  }

  /** Waits until a chunk is on its way. */
  async leaves() {
    await until('a chunk is on its way', () => this.isMoving(), { msMax: 30_000 })
  }

  /** Everything comes back to where it was, and nothing is on its way. */
  async restore(number) {
    await this.move('--fill', number)
    const status = this.start('status')
    if (!(await this.ended(status))) throw new Error(`not everything has moved: ${status.printed()}`)
  }

  /** Checks everything that each database has. */
  async verify() {
    for (const { name, url } of this.shards) {
      const environment = { ...this.environment, LAMPLIGHT_DATABASE_URL: url }
      const program = this.#run(['verify'], environment)
      if (!(await this.ended(program))) throw new Error(`${name} is not right: ${program.printed()}`)
    }
  }

  /** Lets something happen while a chunk of a shard leaves, and then moves to the end. */
  async amid(number, happen) {
    const program = this.start('move', '--at-once', AT_ONCE, '--drain', number)
    await this.leaves()
    await happen()
    await until('the mover ends', () => !program.isRunning, { msMax: MOVED_MS_MAX })
  }
}

/** Moves of everything that the last shard has, and back. */
export function moves(cluster) {
  const { servers, shards, nats } = cluster
  const mover = new Mover(cluster)
  const number = String(shards.length)
  const [control, last] = [shards[0], shards.at(-1)]
  const isReady = () => Promise.all(shards.map((shard) => shard.ready()))
  const amid = (what, happen) => [
    `buckets move, and ${what}`,
    async () => {
      await mover.amid(number, happen)
      await isReady()
      await mover.move('--drain', number)
      await mover.restore(number)
    },
  ]
  const killMover = async () => {
    let interrupted = 0
    for (const ms of KILLED_AFTER_MS) {
      const program = mover.start('move', '--at-once', AT_ONCE, '--drain', number)
      await sleep(ms)
      await program.kill()
      if (await mover.isMoving()) interrupted += 1
    }
    if (interrupted === 0) throw new Error('the mover was never killed while a chunk was on its way')
    await mover.move('--drain', number)
    await mover.restore(number)
  }
  return [
    [
      'all buckets of a shard move away, and back',
      async () => {
        await mover.move('--drain', number)
        await mover.restore(number)
      },
    ],
    [`buckets move, and the mover is killed ${KILLED_AFTER_MS.length} times`, killMover],
    amid('a server is killed', () => again([servers.servers[0]])),
    amid('all servers are killed', () => again(servers.servers)),
    amid('the primary that they leave is killed', async () => again([await last.primary()])),
    amid('the primary that they go to is killed', async () => again([await control.primary()])),
    amid('the standby of the primary that they leave takes over', () => failOver(last)),
    ...(nats ? [amid('the NATS node that leads is killed', async () => again([await nats.leader()]))] : []),
  ]
}
