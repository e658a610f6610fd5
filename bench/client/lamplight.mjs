// The real server on a fresh embedded database.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const KEY = 'wk_bench0000000000000000000000000'
export const TOKEN = 'at_bench0000000000000000000000000'

/** Starts the server; returns its URL and how to stop it. */
export async function startServer() {
  const data = mkdtempSync(join(tmpdir(), 'lamplight-bench-'))
  const child = spawn(process.env.LAMPLIGHT_BIN ?? '../../target/release/lamplight', ['serve', '--listen', '127.0.0.1:0', '--data', data], {
    env: { ...process.env, LAMPLIGHT_WRITE_KEY: KEY, LAMPLIGHT_ADMIN_TOKEN: TOKEN },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const url = await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the server ended with ${code} before it listened`)))
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
  return { url, stop }
}
