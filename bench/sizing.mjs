// What an event costs the server: bytes on disk, processor time and memory, for batches of several
// sizes. `node bench/sizing.mjs [path of the server]` prints the table of docs/operate.md.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const binary = process.argv[2] ?? 'target/release/lamplight'
const KEY = 'wk_sizing_of_a_server'
const TOKEN = 'at_sizing_of_a_server_and_its_disk'
/** Requests that wait for an answer at a time. */
const PARALLEL = 16
/** Events of one page. */
const PAGE_EVENTS = 100
/** Bodies from this size on are compressed, as the SDK does it. */
const GZIP_BYTES_MIN = 8 * 1_024
const CASES = [
  { batch: 1, events: 20_000 },
  { batch: 10, events: 100_000 },
  { batch: 100, events: 200_000 },
]

const PATHS = ['/', '/pricing', '/docs/start', '/blog/why-events-get-lost', '/checkout/payment']
const AGENT =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'

/** Text that looks random and compresses as badly, but is the same in every run. */
function token(kind, number, length) {
  return createHash('sha256').update(`${kind} ${number}`).digest('hex').slice(0, length)
}

/** A page's name: 26 digits of base 32, as browsers draw them. */
const producer = (number) => `0${token('producer', number, 25).toUpperCase()}`

/** An event as a page of a shop sends it: about 650 bytes, half of them context. */
function event(number) {
  const page = Math.floor(number / PAGE_EVENTS)
  const path = PATHS[number % PATHS.length]
  return {
    name: ['page', 'product_viewed', 'added_to_cart', 'signed_up'][number % 4],
    ts: Date.now() - (number % 1_000),
    producer: producer(page),
    seq: (number % PAGE_EVENTS) + 1,
    user: { anonymous_id: token('user', page >> 2, 26) },
    session: token('session', page, 26),
    properties: {
      product: token('product', number % 9_973, 12),
      price: 1 + (number % 7_919) / 100,
      currency: 'EUR',
      list: 'recommended',
    },
    context: {
      page: {
        url: `https://shop.example.com${path}/${token('address', number % 9_973, 8)}`,
        path,
        title: `A page of the shop about ${token('title', number % 997, 10)}`,
        referrer: 'https://www.example.org/search',
      },
      screen: { width: 1_440, height: 900, density: 2 },
      locale: 'en-GB',
      timezone: 'Europe/Zurich',
      sdk: { name: 'lamplight', version: '0.1.0' },
    },
  }
}

function body(first, count) {
  const events = Array.from({ length: count }, (_, index) => event(first + index))
  const last = events.at(-1)
  const producers = { [last.producer]: { next: last.seq + 1 } }
  const text = Buffer.from(JSON.stringify({ v: 1, sent_at: Date.now(), producers, events }))
  return text.length >= GZIP_BYTES_MIN ? gzipSync(text, { level: 6 }) : text
}

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

/**
 * Processor time in ms of the threads that answer requests and write payloads, and of those that
 * work afterwards. The kernel counts it in hundredths of a second.
 */
function processorMs(pid) {
  const spent = { front: 0, back: 0 }
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8')
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ms = (Number(fields[11]) + Number(fields[12])) * 10
    spent[/^(lamplight|tokio|writer of intak)/.test(name) ? 'front' : 'back'] += ms
  }
  return spent
}

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
