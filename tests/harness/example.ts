// An example from the repository, started by the command in its README.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Api } from './api.ts'
import { ADMIN_TOKEN, binary } from './server.ts'

const START_MS_MAX = 15_000

export interface Example {
  page: string
  api: Api
  stop: () => Promise<void>
}

export async function startExample(name: string): Promise<Example> {
  const data = await mkdtemp(join(tmpdir(), 'lamplight-example-'))
  const script = fileURLToPath(new URL(`../../examples/${name}/serve.mjs`, import.meta.url))
  const env = {
    ...process.env,
    PORT: '0',
    LAMPLIGHT_BIN: binary(),
    LAMPLIGHT_LISTEN: '127.0.0.1:0',
    LAMPLIGHT_DATA: data,
    LAMPLIGHT_ADMIN_TOKEN: ADMIN_TOKEN,
  }
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let text = ''
  const stop = async (): Promise<void> => {
    const hasCrashed = child.exitCode !== null
    child.kill('SIGTERM')
    await exited
    await rm(data, { recursive: true, force: true })
    if (hasCrashed) throw new Error(`the example ${name} ended before it was stopped:\n${text}`)
  }
  const started = new Promise<[string, string]>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      text += chunk.toString()
      const page = /Open (http:\/\/\S+)/.exec(text)?.[1]
      const api = /(http:\/\/\S+)\/api\/events/.exec(text)?.[1]
      if (page && api) resolve([page, api])
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    setTimeout(() => reject(new Error(`the example ${name} did not start in time:\n${text}`)), START_MS_MAX).unref()
  })
  try {
    const [page, api] = await started
    return { page, api: new Api(api, ADMIN_TOKEN), stop }
  } catch (error) {
    await stop()
    throw error
  }
}
