// The databases of a server, which a test changes as a damaged disk or a careless person would.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { end } from './child.ts'
import type { Server } from './server.ts'

const DAY_MS = 86_400_000

const CHANGE = `
import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=10) as database:
    for statement in sys.argv[2:]:
        print(database.execute(statement).rowcount)`

const HOLD = `
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
database.execute('BEGIN IMMEDIATE')
print('held', flush=True)
sys.stdin.read()`

/** Runs statements on a database that no server uses. Returns how many rows each has changed. */
export async function change(database: string, ...statements: string[]): Promise<number[]> {
  const { stdout } = await promisify(execFile)('python3', ['-c', CHANGE, database, ...statements])
  return stdout.trim().split('\n').map(Number)
}

/** Restarts a server as if no page was heard from for `days`. */
export async function restartAfter(server: Server, days: number): Promise<void> {
  await server.kill()
  const columns = ['first_heard_ms', 'last_heard_ms'].map((name) => `${name} = ${name} - ${days * DAY_MS}`)
  const [changed] = await change(join(server.data, 'store.db'), `UPDATE producers SET ${columns.join(', ')}`)
  if (!changed) throw new Error('no producer is in store.db')
  await server.restart()
}

/** Another program that writes to a database, so that the server cannot. */
export class OtherWriter {
  readonly #process: ChildProcess

  private constructor(process: ChildProcess) {
    this.#process = process
  }

  static async begin(database: string): Promise<OtherWriter> {
    const child = spawn('python3', ['-c', HOLD, database], { stdio: ['pipe', 'pipe', 'inherit'] })
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve())
      child.once('exit', (code) => reject(new Error(`failed to lock ${database}: python3 ended with ${code}`)))
    })
    return new OtherWriter(child)
  }

  async end(): Promise<void> {
    await end(this.#process, 'SIGKILL')
  }
}
