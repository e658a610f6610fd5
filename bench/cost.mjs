// What a request costs the server, for two binaries in turn: instructions and processor time.
// `node bench/cost.mjs <path of the base> [path of the server]` prints ratios to the base.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from './client/lamplight.mjs'
import { quantile } from './client/quantiles.mjs'
import { body } from './events.mjs'
import { head, liftLimits, post, send } from './send.mjs'
import { processorMs } from './threads.mjs'

const [base, now = 'target/release/lamplight'] = process.argv.slice(2)
if (!base) throw new Error('missing the path of the binary to compare with: node bench/cost.mjs <base> [now]')

/** How often the binaries take turns. */
const TURNS = 8
/** Requests that wait for an answer at a time, each on a connection of its own. */
const PARALLEL = 16
/** Events in a request to intake. */
const BATCH = 10
/** Requests of one turn. */
const TIMED = 8_000
/** Requests before those that are timed. */
const WARM_UP = 1_000
const UNTIL_PROCESSED_MS = 300_000
/** How often to look whether all is processed. Each look costs the server something too. */
const LOOK_EVERY_MS = 1_000

/** Events in a request of many sizes: 10 to 50, each as often as any other. */
const SIZES = Array.from({ length: 41 }, (_, number) => 10 + ((number * 17) % 41))
const SIZES_SUM = SIZES.reduce((sum, size) => sum + size)
/** Names of the events of such requests. */
const NAMES = 30

/**
 * A request that costs what every request costs, one of intake, and one with events as a whole
 * site sends them. `before` is how many events the requests before this one have. `few` and `many`
 * are the requests of two runs: their difference in instructions is divided by this one.
 */
const KINDS = {
  health: {
    before: () => 0,
    few: 200,
    many: 5_200,
    bytes: () => Buffer.from(head('GET', '/healthz', '')),
  },
  intake: {
    before: (number) => number * BATCH,
    few: 200,
    many: 1_700,
    bytes: (number) => post(body(number * BATCH, BATCH)),
  },
  site: {
    before: (number) => {
      const sizes = SIZES.slice(0, number % SIZES.length)
      return Math.floor(number / SIZES.length) * SIZES_SUM + sizes.reduce((sum, size) => sum + size, 0)
    },
    few: 200,
    many: 1_700,
    bytes: (number) => post(body(KINDS.site.before(number), SIZES[number % SIZES.length], NAMES)),
  },
}

const requestsOf = (kind, first, count) => Array.from({ length: count }, (_, at) => KINDS[kind].bytes(first + at))

/** Starts a server and sends requests in parts. Returns what `read` says once each is processed. */
async function after(binary, under, kind, parts, read) {
  const server = await startServer(binary, under)
  try {
    await liftLimits(server)
    const figures = []
    let sent = 0
    for (const count of parts) {
      await send(server.url, requestsOf(kind, sent, count), PARALLEL)
      sent += count
      const isProcessed = ({ stored }) => stored === KINDS[kind].before(sent)
      await server.until(isProcessed, UNTIL_PROCESSED_MS, LOOK_EVERY_MS)
      figures.push(read(server))
    }
    return figures
  } finally {
    await server.stop()
  }
}

/** Processor time of a request in microseconds: until it is answered, and in the background. */
async function timed(binary, kind) {
  const [before, end] = await after(binary, [], kind, [WARM_UP, TIMED], (server) => processorMs(server.pid))
  const each = (threads) => ((end[threads] - before[threads]) * 1_000) / TIMED
  return { front: each('front'), back: each('back') }
}

/** Instructions of a request, in all threads. Callgrind counts none of the kernel. */
async function counted(binary, kind) {
  const folder = mkdtempSync(join(tmpdir(), 'lamplight-cost-'))
  const count = async (requests) => {
    const file = join(folder, `${requests}`)
    const under = ['valgrind', '--quiet', '--tool=callgrind', `--callgrind-out-file=${file}`]
    await after(binary, under, kind, [requests], () => undefined)
    return Number(/^(?:summary|totals): (\d+)/m.exec(readFileSync(file, 'utf8'))?.[1])
  }
  try {
    const { few, many } = KINDS[kind]
    return ((await count(many)) - (await count(few))) / (many - few)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const hasValgrind = spawnSync('valgrind', ['--version']).status === 0
if (!hasValgrind) console.log('no instructions: valgrind is not installed')
const rows = {}
for (const kind of Object.keys(KINDS)) {
  const results = { base: [], now: [] }
  for (let turn = 0; turn < TURNS; turn += 1) {
    const order = [
      ['base', base],
      ['now', now],
    ]
    for (const [name, binary] of turn % 2 ? order.reverse() : order) results[name].push(await timed(binary, kind))
  }
  const compare = (label, ofBase, ofNow) => {
    const [was, is] = [quantile(ofBase, 0.5), quantile(ofNow, 0.5)]
    rows[`${kind}: ${label}`] = { base: Math.round(was), now: Math.round(is), ratio: Number((is / was).toFixed(3)) }
  }
  const figures = (name, threads) => results[name].map((result) => result[threads])
  compare('µs until answered', figures('base', 'front'), figures('now', 'front'))
  if (KINDS[kind].before(1) > 0) compare('µs in the background', figures('base', 'back'), figures('now', 'back'))
  if (hasValgrind) compare('instructions', [await counted(base, kind)], [await counted(now, kind)])
}
console.table(rows)
mkdirSync('bench/results', { recursive: true })
writeFileSync('bench/results/cost.json', JSON.stringify(rows, null, 2))
