// A project that uses the package: a copy outside the repository, so that it only finds the
// tarball.
import { type ChildProcess, spawn } from 'node:child_process'
import { cp, readFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from '@playwright/test'
import { npm } from './npm.ts'
import type { Tarball } from './tarball.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const INSTALL_MS_MAX = 180_000
const RUN_MS_MAX = 180_000
const START_MS_MAX = 60_000
const STOP_MS_MAX = 5_000
const PAUSE_MS = 50
/** Most characters of a failed program's output that are shown. */
const TEXT_MAX = 6_000

/** Files of this machine or an earlier build, which are not copied. */
const NOT_COPIED = /(^|[\\/])(node_modules|dist|\.next|out|next-env\.d\.ts)$/

/** Arguments of every Vite server: it listens on loopback, on exactly the given port. */
export const VITE_ARGS = ['--host', '127.0.0.1', '--strictPort', '--port', '{port}']

/** Arguments of every Next server. */
export const NEXT_ARGS = ['--hostname', '127.0.0.1', '--port', '{port}']

export type Environment = Record<string, string>

/** A program that serves pages, such as a bundler's development server. */
export interface Running {
  url: string
  stop: () => Promise<void>
}

export class Consumer {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /**
   * Copies the project at `path` of the repository into `folder`, and runs `npm install <tarball>`
   * there.
   */
  static async install(path: string, folder: string, tarball: Tarball): Promise<Consumer> {
    const consumer = new Consumer(folder)
    await cp(join(REPOSITORY, path), folder, { recursive: true, filter: (source) => !NOT_COPIED.test(source) })
    const before = await consumer.#locked()
    await consumer.#finish(
      npm,
      ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball.path],
      {},
      INSTALL_MS_MAX,
    )
    const after = await consumer.#locked()
    if (JSON.stringify(after) !== JSON.stringify(before)) {
      throw new Error(`package-lock.json of ${path} does not match its package.json: run npm install in ${path}`)
    }
    return consumer
  }

  /** Copies the folder at `path` of the repository over the project. */
  async add(path: string): Promise<void> {
    await cp(join(REPOSITORY, path), this.folder, { recursive: true })
  }

  /** Runs a script of its package.json, and returns the output. */
  run(script: string, environment: Environment = {}): Promise<string> {
    return this.#finish(npm, ['run', '--silent', script], environment, RUN_MS_MAX)
  }

  /** Runs Node in the project, and returns the output. */
  node(...args: string[]): Promise<string> {
    return this.#finish(process.execPath, args, {}, RUN_MS_MAX)
  }

  /**
   * Starts a script that serves pages, and waits until it responds. `{port}` in `args` is replaced
   * by a free port.
   */
  async serve(script: string, args: string[], environment: Environment = {}): Promise<Running> {
    const port = await freePort()
    const child = this.#start(
      npm,
      ['run', '--silent', script, '--', ...args.map((arg) => arg.replace('{port}', String(port)))],
      environment,
    )
    const text = collectOutput(child)
    const url = `http://127.0.0.1:${port}`
    const stop = (): Promise<void> => endGroup(child)
    try {
      await test.step('start', () => responds(url, child))
    } catch (error) {
      await stop()
      throw new Error(`npm run ${script} failed to start: ${String(error)}\n${text()}`)
    }
    return { url, stop }
  }

  async #finish(program: string, args: string[], environment: Environment, msMax: number): Promise<string> {
    const child = this.#start(program, args, environment)
    const text = collectOutput(child)
    const ended = new Promise<string>((resolve, reject) => {
      child.once('error', (error) => resolve(error.message))
      child.once('close', (code, signal) => resolve(String(code ?? signal)))
      setTimeout(() => reject(new Error(`still running after ${msMax} ms`)), msMax).unref()
    })
    const end = await ended.catch(async (error: unknown) => {
      await endGroup(child)
      return String(error)
    })
    if (end !== '0') throw new Error(`${program} ${args.join(' ')} in ${this.folder} ended with ${end}:\n${text()}`)
    return text()
  }

  /** Starts a process group, so that all its processes end together. */
  #start(program: string, args: string[], environment: Environment): ChildProcess {
    const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', FORCE_COLOR: '0', ...environment }
    return spawn(program, args, { cwd: this.folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  }

  /**
   * The versions in its lock file, except Lamplight's, and those of optional packages for one
   * system: npm adds them when the registry has them, and leaves them out otherwise.
   */
  async #locked(): Promise<[string, unknown][]> {
    const { packages } = JSON.parse(await readFile(join(this.folder, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version?: string; optional?: boolean; os?: string[] }>
    }
    return Object.entries(packages)
      .filter(([name, { optional, os }]) => name !== '' && name !== 'node_modules/lamplight' && !(optional && os))
      .map(([name, { version }]) => [name, version])
  }
}

function collectOutput(child: ChildProcess): () => string {
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return () => (text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

/** Waits until the address responds. */
async function responds(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_MS_MAX
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    try {
      await fetch(url, { signal: AbortSignal.timeout(START_MS_MAX) })
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
}

/** Ends a process group, and kills it if it does not end in time. */
async function endGroup({ pid }: ChildProcess): Promise<void> {
  if (pid === undefined) return
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!signalGroup(pid, signal)) return
    for (let leftMs = STOP_MS_MAX; leftMs > 0; leftMs -= PAUSE_MS) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      if (!signalGroup(pid, 0)) return
    }
  }
}

/** Sends a signal to a process group, or 0 to test it. Returns whether the group has a process. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal)
  } catch {
    return false
  }
}
