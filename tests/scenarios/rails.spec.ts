import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { OVERLOADED } from '../harness/front.ts'
import { SECRET_KEY } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

const EXAMPLE = fileURLToPath(new URL('../../examples/rails', import.meta.url))

/** Three whole events and one that is nested deeper than any server reads, in one job. */
const BROKEN_AMONG_OTHERS = `
  require "active_job"
  require "lamplight"
  require "./app/jobs/lamplight_job"
  ActiveJob::Base.queue_adapter = :inline
  deep = 70.times.inject(1) { |inner, _| [inner] }
  events = %w[a b c d].map { |id| { "id" => id, "name" => id } }
  events[2]["properties"] = { "deep" => deep }
  LamplightJob.perform_later(events)
`

/** Runs Ruby in the example's folder; resolves to what it printed once it ends well. */
function ruby(url: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, LAMPLIGHT_URL: url, LAMPLIGHT_SECRET_KEY: SECRET_KEY }
  const child = spawn('ruby', ['-Ilib', ...args], {
    cwd: EXAMPLE,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += String(chunk)))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve(printed) : reject(new Error(`ended with ${code}:\n${printed}`)),
    )
  })
}

test('the Rails example delivers each event once through overload and a server that is gone', async ({
  front,
  server,
}) => {
  front.conduct = OVERLOADED
  const done = ruby(front.url, 'try.rb')
  await expect.poll(() => front.posts.length).toBeGreaterThanOrEqual(6)
  front.conduct = 'resets'
  const before = front.posts.length
  await expect.poll(() => front.posts.length).toBeGreaterThan(before)
  front.conduct = 'passes'
  expect(await done).toContain("3 events are on the server's disk")
  await expect.poll(async () => (await server.api.totals()).stored).toBe(3)
  expect((await server.api.events()).map(({ name, type }) => `${name} ${type}`).sort()).toEqual([
    'order_paid critical',
    'receipt_mailed default',
    'signed_up default',
  ])
  const [first, second] = [front.posts[0]?.atMs ?? 0, front.posts[3]?.atMs ?? 0]
  expect(second - first, 'it waits as long as Retry-After says').toBeGreaterThanOrEqual(1_000)
})

test('the Rails example halves a job that is refused, and gives up the broken event alone', async ({ server }) => {
  const printed = await ruby(server.url, '-e', BROKEN_AMONG_OTHERS)
  expect(printed).toContain('dropped event c')
  await expect.poll(async () => (await server.api.events()).map(({ name }) => name).sort()).toEqual(['a', 'b', 'd'])
})
