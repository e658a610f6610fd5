// The documentation's site, built as it is published below a path, and served by its own command.
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { end } from '../child.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const FOLDER = join(ROOT, 'tests/results/docs-site')

export class PublishedSite {
  /** The address of its first page, which ends with `/`. */
  readonly url: string
  /** The names of its pages: `http.html`. */
  readonly pages: string[]
  readonly #process: ChildProcess

  private constructor(url: string, process: ChildProcess) {
    this.url = url
    this.#process = process
    this.pages = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.html'))
      .map((name) => name.replaceAll('\\', '/'))
  }

  static async build(): Promise<PublishedSite> {
    const args = [join(ROOT, 'site/build.mjs'), '--out', FOLDER, '--base', '/lamplight/', '--serve', '0']
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const url = await new Promise<string>((resolve, reject) => {
      let output = ''
      const read = (chunk: Buffer): void => {
        output += chunk.toString()
        const found = /^open (http\S+)$/m.exec(output)?.[1]
        if (found) resolve(found)
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
      child.once('close', (code) => reject(new Error(`the site was not built (exit code ${code}):\n${output}`)))
    })
    return new PublishedSite(url, child)
  }

  close(): Promise<void> {
    return end(this.#process, 'SIGTERM')
  }
}
