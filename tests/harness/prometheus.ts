// The real Prometheus and its promtool.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { end } from './child.ts'
import { freePort } from './free_port.ts'
import { prometheusPath, promtoolPath } from './programs.ts'

const START_MS_MAX = 20_000

interface Answer<T> {
  status: string
  error?: string
  data: T
}

interface Rule {
  name: string
  health: string
  lastError?: string
}

export class Prometheus {
  readonly #url: string
  readonly #process: ChildProcess

  private constructor(url: string, process: ChildProcess) {
    this.#url = url
    this.#process = process
  }

  /** Starts with the configuration at `folder/prometheus.yml`, and keeps its data beside it. */
  static async start(folder: string): Promise<Prometheus> {
    const address = `127.0.0.1:${await freePort()}`
    const child = spawn(
      prometheusPath(),
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'prometheus-data')}`,
        `--web.listen-address=${address}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    let output = ''
    child.stderr.on('data', (chunk) => (output += String(chunk)))
    const url = `http://${address}`
    for (let waitedMs = 0; !(await isReady(url)); waitedMs += 100) {
      if (child.exitCode !== null || waitedMs > START_MS_MAX) {
        await end(child, 'SIGKILL')
        throw new Error(`Prometheus failed to start:\n${output}`)
      }
      await sleep(100)
    }
    return new Prometheus(url, child)
  }

  /** The values that an expression has now, or the error in it. */
  async query(expression: string): Promise<number[] | string> {
    const answer = await this.#get<{ resultType: string; result: { value: [number, string] }[] }>(
      `query?query=${encodeURIComponent(expression)}`,
    )
    return answer.error ?? answer.data.result.map(({ value }) => Number(value[1]))
  }

  /** The errors of the targets that it scrapes. */
  async scrapeErrors(): Promise<string[]> {
    const { data } = await this.#get<{ activeTargets: { lastError: string }[] }>('targets')
    return data.activeTargets.map(({ lastError }) => lastError)
  }

  async rules(): Promise<Rule[]> {
    const { data } = await this.#get<{ groups: { rules: Rule[] }[] }>('rules')
    return data.groups.flatMap(({ rules }) => rules)
  }

  close(): Promise<void> {
    return end(this.#process, 'SIGKILL')
  }

  async #get<T>(path: string): Promise<Answer<T>> {
    return (await (await fetch(`${this.#url}/api/v1/${path}`)).json()) as Answer<T>
  }
}

/** Runs promtool, and returns what it printed about errors and its exit code. */
export function promtool(args: string[], input = ''): { code: number | null; printed: string } {
  const { status, stdout, stderr } = spawnSync(promtoolPath(), args, { input, encoding: 'utf8' })
  return { code: status, printed: stdout + stderr }
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/-/ready`).then(
    ({ ok }) => ok,
    () => false,
  )
}
