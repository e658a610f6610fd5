// Programs of the cluster, each with a log, that can be killed and started again.
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const LOG_LINES = 15
const RESTART_MS = 1_000
const PORTS = { from: 15_000, to: 32_000 }

export class Program {
  #child
  #isWanted = false
  #ended = Promise.resolve()

  /**
   * `how` is the command with its environment, the path of its log, the user that runs it, and
   * whether it is restarted if it fails.
   */
  constructor(name, how) {
    this.name = name
    this.how = how
  }

  get pid() {
    return this.#child?.pid
  }

  get isRunning() {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Whether it ended by itself and without an error. */
  get succeeded() {
    return this.#child?.exitCode === 0
  }

  start() {
    const { command, args, env, cwd, log, as } = this.how
    const file = openSync(log, 'a')
    // Ctrl-C ends the cluster in its order, not all of it at once.
    const child = spawn(command, args, { cwd, env, ...as, detached: true, stdio: ['ignore', file, file] })
    closeSync(file)
    this.#child = child
    this.#isWanted = true
    child.once('exit', (code) => {
      // As a service manager does. Nobody starts what was killed.
      if (this.how.restarts && code !== null)
        setTimeout(() => {
          // It may have been started again meanwhile.
          if (this.#isWanted && this.#child === child) this.start()
        }, RESTART_MS)
    })
    this.#ended = new Promise((resolve) => {
      child.once('exit', resolve)
      child.once('error', resolve)
    })
  }

  /** Ends it with `kill -9`. */
  async kill() {
    this.#isWanted = false
    if (this.isRunning) this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Stops it as its service manager would, and kills it if it takes too long. */
  async stop(msMax = 20_000) {
    this.#isWanted = false
    if (!this.isRunning) return
    this.#child.kill(this.how.stopSignal ?? 'SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), msMax)
    await this.#ended
    clearTimeout(timer)
  }

  /** The end of what it printed. */
  printed() {
    return readFileSync(this.how.log, 'utf8').trimEnd().split('\n').slice(-LOG_LINES).join('\n')
  }
}

/**
 * Waits until `isTrue` resolves to something true, and resolves with that.
 *
 * @template Found
 * @param {string} what
 * @param {() => Found | Promise<Found>} isTrue
 * @param {{ msMax?: number, programs?: Program[] }} options
 */
export async function until(what, isTrue, { msMax = 60_000, programs = [] } = {}) {
  const begun = Date.now()
  for (;;) {
    const found = await Promise.resolve(isTrue()).catch(() => undefined)
    if (found) return found
    if (Date.now() - begun > msMax || programs.some(({ isRunning, how }) => !isRunning && !how.restarts)) {
      const logs = programs.map((program) => `--- ${program.name}\n${program.printed()}`)
      throw new Error([`not after ${((Date.now() - begun) / 1000).toFixed(0)} s: ${what}`, ...logs].join('\n'))
    }
    await sleep(100)
  }
}

/** Ports of loopback on which nothing listens. */
export async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, listening))
  const ports = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** A server on a port below those from which systems choose for connections that begin here. */
async function listening() {
  for (;;) {
    const server = createServer()
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from))
    const error = await new Promise((resolve) => {
      server.once('error', resolve)
      server.listen(port, '127.0.0.1', () => resolve(undefined))
    })
    if (!error) return server
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error
  }
}

/** The environment of this process without what configures a server. */
export function plainEnvironment() {
  const isSetting = (name) => /^(LAMPLIGHT_|PG)/.test(name)
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isSetting(name)))
}
