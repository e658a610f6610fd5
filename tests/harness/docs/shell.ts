// Runs the commands of the documentation in a folder that is laid out like a clone of the
// repository.
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { binary } from '../server.ts'
import { Registry } from './registry.ts'
import { type Sandbox, SHOWN_KEYS } from './sandbox.ts'
import type { Snippet } from './snippet.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const RUN_MS_MAX = 40_000

/** Runs the commands, and returns their output. With `until`, they are ended once they print it. */
export async function inShell({ text, notes }: Snippet, sandbox: Sandbox): Promise<string> {
  layOut(sandbox.folder)
  const registry = await Registry.start()
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${join(sandbox.folder, '.bin')}${delimiter}${process.env['PATH']}`,
    npm_config_registry: registry.url,
    // What npx asks at a terminal.
    npm_config_yes: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_cache: join(sandbox.folder, '.npm'),
    LAMPLIGHT_LISTEN: '127.0.0.1:0',
    // Of `lamplight init`, in place of the default.
    LAMPLIGHT_URL: sandbox.server.url,
    // Its .curlrc turns off the progress meter, which would mix with the response.
    CURL_HOME: sandbox.folder,
  }
  for (const name of Object.keys(SHOWN_KEYS)) delete env[name]
  try {
    return await run(sandbox.withLocalAddresses(text), sandbox.folder, env, notes.until)
  } finally {
    await registry.close()
  }
}

function run(script: string, cwd: string, env: NodeJS.ProcessEnv, until: string | undefined): Promise<string> {
  // Its own process group, so that all processes of the shell end with it.
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  let isDone = false
  let isLate = false
  const stop = (): void => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGTERM')
  }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      isLate = true
      stop()
    }, RUN_MS_MAX)
    const read = (chunk: Buffer): void => {
      printed += chunk.toString()
      if (!until || isDone || !printed.includes(until)) return
      isDone = true
      stop()
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (isLate) reject(new Error(`still running after ${RUN_MS_MAX} ms:\n${printed}`))
      else if (isDone || (code === 0 && !until)) resolve(printed)
      else reject(new Error(`ended with ${code ?? signal}:\n${printed}`))
    })
  })
}

/**
 * Links the folders of a clone, and adds a `cargo` that only provides what the real one has just
 * built.
 */
function layOut(folder: string): void {
  if (existsSync(join(folder, '.bin'))) return
  for (const name of ['npm', 'examples', 'server']) symlinkSync(join(ROOT, name), join(folder, name))
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  writeFileSync(join(folder, '.curlrc'), 'silent\nshow-error\n')
  mkdirSync(join(folder, '.bin'))
  const cargo = join(folder, '.bin/cargo')
  writeFileSync(
    cargo,
    `#!/bin/sh
set -eu
[ "$1" = xtask ] || { echo "cargo $1 is not part of the documentation" >&2; exit 2; }
case "$2" in
  build) mkdir -p target/release && ln -sf '${binary()}' target/release/lamplight ;;
  demo) exec '${binary()}' demo ;;
  ${commandsOfCi().join('|')}) ;;
  *) echo "there is no cargo xtask $2" >&2; exit 2 ;;
esac
`,
  )
  chmodSync(cargo, 0o755)
}

/** Commands that CI runs, which include this test, so they do nothing here. */
function commandsOfCi(): string[] {
  const commands = [...readFileSync(join(ROOT, '.ci/run'), 'utf8').matchAll(/^cargo xtask (\w+)/gm)].map(
    ([, name]) => name ?? '',
  )
  if (!commands.includes('test')) throw new Error('.ci/run does not run cargo xtask test: adapt this check')
  return commands
}
