// The real server with an empty database.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { KEY } from './key.mjs'

export { KEY }

const TOKEN = 'at_bench0000000000000000000000000'

/**
 * Starts the server, under another program if `under` is its command. Returns its URL, the id of
 * its process, and functions to call its API and to stop it.
 */
export async function startServer(binary = process.env.LAMPLIGHT_BIN ?? '../../target/release/lamplight', under = []) {
  const data = mkdtempSync(join(tmpdir(), 'lamplight-bench-'))
  // The variable is no setting of the server.
  const { LAMPLIGHT_BIN: _, ...others } = process.env
  const [program, ...args] = [...under, binary]
  const child = spawn(program, [...args, 'serve', '--listen', '127.0.0.1:0', '--data', data], {
    env: { ...others, LAMPLIGHT_WRITE_KEY: KEY, LAMPLIGHT_ADMIN_TOKEN: TOKEN },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const url = await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the server ended with ${code} before it was listening`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = line.match(/listening on (http:\/\/\S+)/)
      if (match) resolve(match[1])
    })
  })
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
    rmSync(data, { recursive: true, force: true })
  }
  /** Calls the API. */
  const api = async (path, options) =>
    (await fetch(`${url}${path}`, { ...options, headers: { authorization: `Bearer ${TOKEN}` } })).json()
  const totals = () => api('/api/totals')
  /** Waits until the totals fulfil a condition. */
  const until = async (isDone, ms, everyMs = 50) => {
    for (const end = performance.now() + ms; ; await new Promise((resolve) => setTimeout(resolve, everyMs))) {
      const now = await totals()
      if (isDone(now)) return now
      if (performance.now() > end) throw new Error(`after ${ms} ms the totals are still ${JSON.stringify(now)}`)
    }
  }
  return { url, pid: child.pid, stop, api, totals, until }
}
