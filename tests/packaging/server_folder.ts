// A folder outside the repository in which `lamplight-server` is installed from files.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { end } from '../harness/child.ts'
import { npm } from './npm.ts'

const INSTALL_MS_MAX = 120_000
const START_MS_MAX = 20_000

/** How a program ended, and what it printed. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  printed: string
}

export interface Started {
  url: string
  /** The process that was started, which is not the server itself. */
  process: ChildProcess
  printed: () => string
  ended: Promise<Ended>
}

export class ServerFolder {
  readonly folder: string
  #started: ChildProcess[] = []

  private constructor(folder: string) {
    this.folder = folder
  }

  /** Installs the files with a registry that has no package. */
  static async install(folder: string, files: string[]): Promise<ServerFolder> {
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'package.json'), '{"private":true}')
    const registry = createServer((_, response) => response.writeHead(404).end('{}'))
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`
    const options = ['--no-audit', '--no-fund', '--registry', address, '--cache', join(folder, '.npm')]
    try {
      await run(npm, ['install', ...options, ...files], folder, {}, INSTALL_MS_MAX)
    } finally {
      registry.closeAllConnections()
      registry.close()
    }
    return new ServerFolder(folder)
  }

  /** Runs the command to its end. */
  run(args: string[], environment: Record<string, string> = {}): Promise<Ended> {
    const [program, first] = this.#launcher
    return ended(this.#start(program, [...first, ...args], environment))
  }

  /** Starts the installed command, or npx, and waits until the server listens on a free port. */
  async start(args: string[], environment: Record<string, string> = {}, by?: 'npx'): Promise<Started> {
    const env = { LAMPLIGHT_LISTEN: '127.0.0.1:0', ...environment }
    const [program, first] = by ? [by, ['--no-install', 'lamplight-server']] : this.#launcher
    const child = this.#start(program, [...first, ...args], env)
    const end = ended(child)
    let printed = ''
    const url = await new Promise<string>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`failed to start the server: ${why}\n${printed}`))
      const timer = setTimeout(() => fail(`no address within ${START_MS_MAX} ms`), START_MS_MAX)
      const read = (chunk: Buffer): void => {
        printed += chunk.toString()
        // The last line of what it prints at its start.
        if (!printed.includes('Stop with Ctrl-C')) return
        clearTimeout(timer)
        resolve(/listening on (http:\/\/\S+)/.exec(printed)?.[1] ?? '')
      }
      child.stdout?.on('data', read)
      child.stderr?.on('data', read)
      end.then(({ code, signal }) => fail(`it ended with ${code ?? signal}`), reject)
    })
    return { url, process: child, printed: () => printed, ended: end }
  }

  /** Ends what still runs. */
  async stop(): Promise<void> {
    for (const child of this.#started) await end(child, 'SIGTERM')
  }

  /**
   * The installed command and its first arguments. On Windows it is a script of the shell, which
   * runs the same program.
   */
  get #launcher(): [string, string[]] {
    if (process.platform !== 'win32') return [join(this.folder, 'node_modules/.bin/lamplight-server'), []]
    return [process.execPath, [join(this.folder, 'node_modules/lamplight-server/lamplight-server.mjs')]]
  }

  #start(program: string, args: string[], environment: Record<string, string>): ChildProcess {
    const options = { cwd: this.folder, env: { ...withoutSettings(), ...environment } }
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#started.push(child)
    return child
  }
}

function ended(child: ChildProcess): Promise<Ended> {
  let printed = ''
  child.stdout?.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, printed }))
  })
}

/** Runs a program that has to succeed, and returns its output. */
export function run(
  program: string,
  args: string[],
  cwd: string,
  environment: Record<string, string> = {},
  timeout = INSTALL_MS_MAX,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...withoutSettings(), ...environment }
    // On Windows, npm is a script of the shell.
    const shell = program.endsWith('.cmd')
    const child = execFile(program, args, { cwd, env, timeout, encoding: 'utf8', shell }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')} failed: ${error.message}\n${stdout}${stderr}`))
      else resolve(stdout)
    })
    child.stdin?.end()
  })
}

function withoutSettings(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('LAMPLIGHT_'))
  return Object.fromEntries(kept.map(([name, value]) => [name, value ?? '']))
}
