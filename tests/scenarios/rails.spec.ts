import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { OVERLOADED } from '../harness/fault_proxy.ts'
import { SECRET_KEY } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

const EXAMPLE = fileURLToPath(new URL('../../examples/rails', import.meta.url))

/** A job with three valid events and one that is nested deeper than the server accepts. */
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

/** Runs Ruby in the example's folder, and returns its output. Rejects if it fails. */
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

test('the Rails example delivers each event once despite overload and an outage', async ({ faultProxy, server }) => {
  faultProxy.behaviour = OVERLOADED
  const done = ruby(faultProxy.url, 'try.rb')
  await expect.poll(() => faultProxy.posts.length).toBeGreaterThanOrEqual(6)
  faultProxy.behaviour = 'reset'
  const before = faultProxy.posts.length
  await expect.poll(() => faultProxy.posts.length).toBeGreaterThan(before)
  faultProxy.behaviour = 'forward'
  expect(await done).toContain("3 events are on the server's disk")
  await expect.poll(async () => (await server.api.totals()).stored).toBe(3)
  expect((await server.api.events()).map(({ name, type }) => `${name} ${type}`).sort()).toEqual([
    'order_paid critical',
    'receipt_mailed default',
    'signed_up default',
  ])
  const [first, second] = [faultProxy.posts[0]?.atMs ?? 0, faultProxy.posts[3]?.atMs ?? 0]
  expect(second - first, 'it waits for Retry-After').toBeGreaterThanOrEqual(1_000)
})

test('the Rails example halves a refused job and drops only the invalid event', async ({ server }) => {
  const printed = await ruby(server.url, '-e', BROKEN_AMONG_OTHERS)
  expect(printed).toContain('dropped event c')
  await expect.poll(async () => (await server.api.events()).map(({ name }) => name).sort()).toEqual(['a', 'b', 'd'])
})
