// What an event costs the server: bytes on disk, processor time and memory, for batches of several
// sizes. `node bench/sizing.mjs [path of the server]` prints the table of docs/operate.md.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AGENT, body } from './events.mjs'
import { processorMs } from './threads.mjs'

const binary = process.argv[2] ?? 'target/release/lamplight'
const KEY = 'wk_sizing_of_a_server'
const TOKEN = 'at_sizing_of_a_server_and_its_disk'
/** Requests that wait for an answer at a time. */
const PARALLEL = 16
const CASES = [
  { batch: 1, events: 20_000 },
  { batch: 10, events: 100_000 },
  { batch: 100, events: 200_000 },
]

async function measure({ batch, events }) {
  const data = mkdtempSync(join(tmpdir(), 'lamplight-sizing-'))
  const child = spawn(binary, ['serve', '--data', data, '--listen', '127.0.0.1:0', '--log', 'warn'], {
    env: { ...process.env, LAMPLIGHT_WRITE_KEY: KEY, LAMPLIGHT_ADMIN_TOKEN: TOKEN },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const url = await new Promise((resolve) => {
      child.stdout.on('data', (chunk) => {
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec(chunk)?.[0]
        if (found) resolve(found)
      })
    })
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    const idle = memoryKib(child.pid, 'VmRSS')
    const before = processorMs(child.pid)
    const bodies = []
    for (let first = 0; first < events; first += batch) bodies.push(body(first, batch))
    const sentBytes = bodies.reduce((sum, one) => sum + one.length, 0)
    await sendAll(url, bodies)
    while ((await totals(url)).stored < events) await new Promise((resolve) => setTimeout(resolve, 500))
    const spent = processorMs(child.pid)
    const peak = memoryKib(child.pid, 'VmHWM')
    child.kill('SIGTERM')
    await new Promise((resolve) => child.once('close', resolve))
    const files = sizes(data)
    const per = (bytes) => Math.round(bytes / events)
    return {
      batch,
      sent: per(sentBytes),
      payloads: per(files.payloads),
      events: per(files.events),
      other: per(files.other),
      front: (((spent.front - before.front) * 1_000) / events).toFixed(0),
      back: (((spent.back - before.back) * 1_000) / events).toFixed(0),
      idle: Math.round(idle / 1_024),
      peak: Math.round(peak / 1_024),
    }
  } finally {
    child.kill('SIGKILL')
    rmSync(data, { recursive: true, force: true })
  }
}

async function sendAll(url, bodies) {
  const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL })
  let next = 0
  const lane = async () => {
    while (next < bodies.length) await post(url, bodies[next++], agent)
  }
  await Promise.all(Array.from({ length: PARALLEL }, lane))
  agent.destroy()
}

function post(url, content, agent) {
  const headers = { 'content-type': 'text/plain', 'content-length': content.length, 'user-agent': AGENT }
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/v1/events?key=${KEY}`, { method: 'POST', agent, headers }, (answer) => {
      answer.resume().once('end', () => {
        if (answer.statusCode === 200) resolve()
        else reject(new Error(`the server answered ${answer.statusCode}`))
      })
    })
    sent.once('error', reject).end(content)
  })
}

const totals = async (url) =>
  (await fetch(`${url}/api/totals`, { headers: { authorization: `Bearer ${TOKEN}` } })).json()

function memoryKib(pid, field) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1])
}

function sizes(folder) {
  const files = { payloads: 0, events: 0, other: 0 }
  for (const name of readdirSync(folder)) {
    const kind = /^intake/.test(name) ? 'payloads' : /^events-/.test(name) ? 'events' : 'other'
    files[kind] += statSync(join(folder, name)).size
  }
  return files
}

console.log(
  '| events in a request | sent | payload | event | ledger and lists | intake | processing | memory, idle | peak |',
)
console.log('|---|---|---|---|---|---|---|---|---|')
for (const one of CASES) {
  const m = await measure(one)
  console.log(
    `| ${m.batch} | ${m.sent} B | ${m.payloads} B | ${m.events} B | ${m.other} B | ${m.front} µs | ${m.back} µs | ${m.idle} MiB | ${m.peak} MiB |`,
  )
}
