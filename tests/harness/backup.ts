// Backups with the command of the real binary.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from '@playwright/test'
import type { EventRow } from './api.ts'
import { binary, Server, withoutSettings } from './server.ts'

const RUN_MS_MAX = 30_000

/** Runs a command, and returns the path that it prints. */
async function run(command: string, options: Record<string, string>): Promise<string> {
  const flags = Object.entries(options).flat()
  const env = withoutSettings(process.env)
  const { stdout } = await promisify(execFile)(binary(), [command, ...flags], { env, timeout: RUN_MS_MAX })
  return stdout.trim()
}

export class Backups {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async create(): Promise<Backups> {
    return new Backups(await mkdtemp(join(tmpdir(), 'lamplight-e2e-backups-')))
  }

  /** Backs up the server's data while it runs, and returns the directory of the backup. */
  make(server: Server): Promise<string> {
    return run('backup', { '--data': server.data, '--to': this.#folder })
  }

  /** Restores a backup, and returns the new data directory. */
  async restore(backup: string): Promise<string> {
    return run('restore', { '--from': backup, '--data': await mkdtemp(join(tmpdir(), 'lamplight-e2e-restored-')) })
  }

  /** What a server of its own stores with a copy of the backup, which no client sends to. */
  async rows(backup: string): Promise<EventRow[]> {
    const server = await Server.start('serve', undefined, await this.restore(backup))
    try {
      await expect.poll(async () => (await server.api.totals()).queue.depth).toBe(0)
      return await server.api.events()
    } finally {
      await server.remove()
    }
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}
