// The real nginx with a `server` block of the documentation.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { end } from '../child.ts'
import { freePort } from '../free_port.ts'
import { nginxPath } from '../programs.ts'
import type { Sandbox } from './sandbox.ts'
import type { Snippet } from './snippet.ts'

const START_MS_MAX = 10_000
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

export class Nginx {
  readonly url: string
  readonly #process: ChildProcess

  private constructor(url: string, process: ChildProcess) {
    this.url = url
    this.#process = process
  }

  static async start({ text }: Snippet, sandbox: Sandbox): Promise<Nginx> {
    const folder = join(sandbox.folder, 'nginx')
    mkdirSync(folder)
    const port = await freePort()
    const block = sandbox.withLocalAddresses(text).replace(/listen 80;/, `listen 127.0.0.1:${port};`)
    const temporary = TEMPORARY.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')
    const config = join(folder, 'nginx.conf')
    writeFileSync(
      config,
      `daemon off; master_process off; pid ${folder}/pid; error_log stderr; events {}\nhttp { access_log off; ${temporary}\n${block}}\n`,
    )
    const child = spawn(nginxPath(), ['-p', folder, '-c', config], { stdio: ['ignore', 'ignore', 'pipe'] })
    let output = ''
    child.stderr.on('data', (chunk) => (output += String(chunk)))
    const url = `http://127.0.0.1:${port}`
    for (let waitedMs = 0; !(await answers(url)); waitedMs += 50) {
      if (child.exitCode !== null || waitedMs > START_MS_MAX) {
        await end(child, 'SIGKILL')
        throw new Error(`nginx failed to start with the configuration:\n${output}`)
      }
      await sleep(50)
    }
    return new Nginx(url, child)
  }

  close(): Promise<void> {
    return end(this.#process, 'SIGTERM')
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  )
}
