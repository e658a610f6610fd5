// The real server, as a process with its own data directory.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Api } from './api.ts'
import { end } from './child.ts'

export const WRITE_KEY = 'wk_0123456789abcdefghjkmnpqrs'
export const SECRET_KEY = 'sk_0123456789abcdefghjkmnpqrs'
export const ADMIN_TOKEN = 'at_0123456789abcdefghjkmnpqrs'

const START_MS_MAX = 15_000

export type Command = 'serve' | 'demo'

/** The first keys, which the server reads from the environment. */
export interface Keys {
  LAMPLIGHT_WRITE_KEY: string
  LAMPLIGHT_SECRET_KEY?: string
  LAMPLIGHT_ADMIN_TOKEN: string
}

const KEYS: Keys = {
  LAMPLIGHT_WRITE_KEY: WRITE_KEY,
  LAMPLIGHT_SECRET_KEY: SECRET_KEY,
  LAMPLIGHT_ADMIN_TOKEN: ADMIN_TOKEN,
}

export class Server {
  readonly api: Api
  readonly url: string
  readonly #command: Command
  readonly #keys: Keys
  #data: string
  /** Data directories that it used before. */
  #left: string[] = []
  #process: ChildProcess
  #log: () => string

  private constructor(command: Command, data: string, keys: Keys, running: Running) {
    this.#command = command
    this.#keys = keys
    this.#data = data
    this.url = running.url
    this.#process = running.process
    this.#log = running.log
    this.api = new Api(running.url, keys.LAMPLIGHT_ADMIN_TOKEN)
  }

  /** Starts on a free port, by default with an empty data directory. */
  static async start(command: Command = 'serve', keys: Keys = KEYS, folder?: string): Promise<Server> {
    const data = folder ?? (await mkdtemp(join(tmpdir(), 'lamplight-e2e-')))
    return new Server(command, data, keys, await run(command, '127.0.0.1:0', data, keys))
  }

  get data(): string {
    return this.#data
  }

  /** Kills the process with `kill -9`, and waits until it has ended. */
  async kill(): Promise<void> {
    await end(this.#process, 'SIGKILL')
  }

  /** Starts the server again with the same port, by default with the same data. */
  async restart(data = this.#data): Promise<void> {
    if (data !== this.#data) this.#left.push(this.#data)
    this.#data = data
    const { process, log } = await run(this.#command, new URL(this.url).host, this.#data, this.#keys)
    const before = this.#log
    this.#process = process
    this.#log = () => before() + log()
  }

  async remove(): Promise<void> {
    await end(this.#process, 'SIGTERM')
    for (const data of [this.#data, ...this.#left]) await rm(data, { recursive: true, force: true })
  }

  log(): string {
    return this.#log()
  }
}

interface Running {
  url: string
  process: ChildProcess
  log: () => string
}

const BUILT = process.platform === 'win32' ? 'lamplight.exe' : 'lamplight'

/** The path of the server: `LAMPLIGHT_BIN`, or the release build. */
export function binary(): string {
  const path = process.env['LAMPLIGHT_BIN'] ?? fileURLToPath(new URL(`../../target/release/${BUILT}`, import.meta.url))
  if (!existsSync(path))
    throw new Error(`failed to find the server at ${path}: build it with cargo build --release, or set LAMPLIGHT_BIN`)
  return path
}

/** Without the variables of the tests, which are no settings, and without a developer's own. */
export function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('LAMPLIGHT_')))
}

async function run(command: Command, listen: string, data: string, keys: Keys): Promise<Running> {
  const env = { ...withoutSettings(process.env), ...keys }
  const child = spawn(binary(), [command, '--listen', listen, '--data', data], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  const log = (): string => text
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`failed to start the server: ${why}\n${text}`))
    const timer = setTimeout(() => fail(`no address within ${START_MS_MAX} ms`), START_MS_MAX)
    const read = (chunk: Buffer): void => {
      text += chunk.toString()
      const found = /listening on (http:\/\/\S+)/.exec(text)?.[1]
      if (!found) return
      clearTimeout(timer)
      resolve(found.replace(/\/$/, ''))
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code, signal) => fail(`it ended with ${code ?? signal}`))
  }).catch(async (error: unknown) => {
    await end(child, 'SIGKILL')
    throw error
  })
  return { url, process: child, log }
}
