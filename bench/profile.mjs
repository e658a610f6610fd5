// Where the time and the bytes of the server go: processor time by thread, and bytes written by
// file. `node bench/profile.mjs [path of the server]` prints both, for requests of 10 events on 64
// connections, from the first request until all events are stored. Linux only.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { startServer } from './client/lamplight.mjs'
import { body } from './events.mjs'
import { liftLimits, post, send } from './send.mjs'

const [binary = 'target/release/lamplight'] = process.argv.slice(2)
const PARALLEL = 64
const BATCH = 10
const REQUESTS = 20_000
const EVENTS = REQUESTS * BATCH
const UNTIL_STORED_MS = 300_000

/** Processor time of each thread in ms, summed by name without its number. */
function threadsMs(pid) {
  const spent = {}
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const read = (file) => readFileSync(`/proc/${pid}/task/${task}/${file}`, 'utf8')
    try {
      const name = read('comm').trim()
      spent[name] = (spent[name] ?? 0) + Number(read('schedstat').split(' ')[0]) / 1e6
    } catch {
      // The thread has ended.
    }
  }
  return spent
}

const writtenBytes = (pid) => Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])

/** The file that belongs to a database, whatever its week. */
const kindOf = (path) => basename(path).replace(/-\d{4}-?w?\d{2,}[^.]*/i, '-<week>')

/** Bytes and calls by file, from strace's lines. */
function byFile(trace) {
  const files = {}
  for (const line of trace.split('\n')) {
    const call = /(pwrite64|write|fsync|fdatasync)\(\d+<([^>]+)>.*= (\d+)/.exec(line)
    if (!call || !/\.db/.test(call[2])) continue
    files[kindOf(call[2])] ??= { bytes: 0, writes: 0, syncs: 0 }
    const file = files[kindOf(call[2])]
    if (call[1].endsWith('sync')) file.syncs += 1
    else Object.assign(file, { bytes: file.bytes + Number(call[3]), writes: file.writes + 1 })
  }
  return files
}

/**
 * Sends everything to a fresh server. Returns what `read` says before and after, and how long it
 * took.
 */
async function run(read, watch = async () => () => {}) {
  const server = await startServer(binary)
  try {
    await liftLimits(server)
    const requests = Array.from({ length: REQUESTS }, (_, number) => post(body(number * BATCH, BATCH)))
    const requestBytes = Math.round(requests.reduce((sum, request) => sum + request.length, 0) / REQUESTS)
    const stopWatching = await watch(server.pid)
    const before = read(server.pid)
    const started = performance.now()
    await send(server.url, requests, PARALLEL)
    const answered = performance.now()
    await server.until(({ stored }) => stored === EVENTS, UNTIL_STORED_MS, 250)
    const stored = performance.now()
    const after = read(server.pid)
    await stopWatching()
    const seconds = { answered: (answered - started) / 1e3, stored: (stored - started) / 1e3 }
    return { requestBytes, before, after, seconds }
  } finally {
    await server.stop()
  }
}

/** Traces a process until the function that is returned is called. */
async function trace(pid, file) {
  const calls = 'trace=write,pwrite64,fsync,fdatasync'
  const args = ['--follow-forks', '--decode-fds=path', '-s', '0', '-e', calls, '-o', file, '-p', `${pid}`]
  const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise((resolve) => strace.once('exit', resolve))
  await new Promise((resolve, reject) => {
    strace.stderr.on('data', (text) => /attached/.test(text) && resolve())
    strace.once('exit', () => reject(new Error('strace cannot trace the server')))
  })
  return () => {
    strace.kill('SIGINT')
    return ended
  }
}

async function printThreads() {
  const read = (pid) => ({ threads: threadsMs(pid), bytes: writtenBytes(pid) })
  const { requestBytes, before, after, seconds } = await run(read)
  const rows = Object.entries(after.threads).map(([name, ms]) => ({ name, ms: ms - (before.threads[name] ?? 0) }))
  const sum = rows.reduce((total, { ms }) => total + ms, 0)
  const [answered, stored] = [seconds.answered.toFixed(1), seconds.stored.toFixed(1)]
  console.log(`${REQUESTS} requests of ${requestBytes} bytes: answered in ${answered} s, stored in ${stored} s`)
  const shown = rows.filter(({ ms }) => ms >= 1).sort((one, other) => other.ms - one.ms)
  console.table(
    shown.map(({ name, ms }) => ({
      'thread': name,
      's': Number((ms / 1e3).toFixed(2)),
      'µs an event': Number(((ms * 1e3) / EVENTS).toFixed(2)),
      'share': `${Math.round((ms / sum) * 100)} %`,
    })),
  )
  const bytes = after.bytes - before.bytes
  console.log(`${Math.round(bytes / REQUESTS)} bytes written a request, ${Math.round(bytes / EVENTS)} an event`)
}

async function printFiles() {
  const folder = mkdtempSync(join(tmpdir(), 'lamplight-profile-'))
  try {
    const file = join(folder, 'trace')
    await run(
      () => undefined,
      (pid) => trace(pid, file),
    )
    const files = Object.entries(byFile(readFileSync(file, 'utf8')))
    const all = files.reduce((total, [, { bytes }]) => total + bytes, 0)
    files.sort((one, other) => other[1].bytes - one[1].bytes)
    console.log('by file, traced, which is slower:')
    console.table(
      files.map(([name, { bytes, writes, syncs }]) => ({
        'file': name,
        'bytes a request': Math.round(bytes / REQUESTS),
        'share': `${Math.round((bytes / all) * 100)} %`,
        writes,
        syncs,
      })),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

await printThreads()
if (spawnSync('strace', ['--version']).status === 0) await printFiles()
else console.log('no bytes by file: strace is not installed')
