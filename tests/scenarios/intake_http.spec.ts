import { gzipSync } from 'node:zlib'
import { SECRET_KEY, WRITE_KEY } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const KEY = { authorization: `Bearer ${WRITE_KEY}` }
const BASIC = { authorization: `Basic ${Buffer.from(`${WRITE_KEY}:`).toString('base64')}` }
const ONE = JSON.stringify([{ name: 'one' }])

const refused: { what: string; status: number; body: string; headers: Record<string, string> }[] = [
  { what: 'malformed JSON', status: 400, body: '[{"name":"half', headers: { ...JSON_TYPE, ...KEY } },
  { what: 'JSON that is not an event', status: 400, body: '"text"', headers: { ...JSON_TYPE, ...KEY } },
  { what: 'an empty body', status: 400, body: '', headers: { ...JSON_TYPE, ...KEY } },
  { what: 'an unknown key', status: 401, body: ONE, headers: { ...JSON_TYPE, authorization: 'Bearer wk_unknown' } },
  { what: 'no key', status: 401, body: ONE, headers: JSON_TYPE },
  {
    what: 'a body over 1 MiB',
    status: 413,
    body: JSON.stringify([{ name: 'big', properties: { text: 'x'.repeat(1_100_000) } }]),
    headers: { ...JSON_TYPE, ...KEY },
  },
  {
    what: 'more than 1,000 events',
    status: 413,
    body: JSON.stringify(Array.from({ length: 1_001 }, () => ({ name: 'many' }))),
    headers: { ...JSON_TYPE, ...KEY },
  },
]

for (const { what, status, body, headers } of refused) {
  test(`${what} is refused with ${status} and a problem code, and changes no total`, async ({ server }) => {
    const { refused: refusedBefore, ...before } = await server.api.totals()
    const answer = await server.api.post(body, headers)
    expect(answer.status).toBe(status)
    expect(answer.contentType).toContain('application/problem+json')
    expect(answer.body['code']).toEqual(expect.any(String))
    const { refused, ...after } = await server.api.totals()
    expect(after).toEqual(before)
    const code = String(answer.body['code'])
    expect(refused.by_code[code]).toBe((refusedBefore.by_code[code] ?? 0) + 1)
  })
}

test('an array of events, one with a monitor, survives kill -9 and a restart', async ({ server }) => {
  const events = [
    { name: 'signed_up', properties: { plan: 'pro' } },
    { name: 'checkout', monitor: { kind: 'timer', metric: 'checkout.latency', value: 12.5, tags: { region: 'eu' } } },
  ]
  const answer = await server.api.post(JSON.stringify(events), { ...JSON_TYPE, ...KEY })
  expect(answer).toMatchObject({ status: 200, body: { status: 'OK', events: 2 } })
  await server.kill()
  await server.restart()

  await expect.poll(async () => (await server.api.totals()).stored).toBe(2)
  const rows = await server.api.events()
  expect(rows.find((row) => row.name === 'signed_up')).toMatchObject({ type: 'default', properties: { plan: 'pro' } })
  expect(rows.find((row) => row.name === 'checkout')).toMatchObject({
    type: 'monitor',
    monitor: { kind: 'timer', metric: 'checkout.latency', value: 12.5, tags: { region: 'eu' } },
  })
})

test('a payload acknowledged right before kill -9 is processed once after a restart', async ({ server }) => {
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      server.api.post(JSON.stringify([{ name: `last_${index}` }]), { ...JSON_TYPE, ...KEY }),
    ),
  )
  await server.kill()
  expect(answers.every((answer) => answer.status === 200)).toBe(true)
  await server.restart()
  await expect.poll(async () => (await server.api.totals()).stored).toBe(40)
  expect(new Set((await server.api.events()).map((row) => row.name)).size).toBe(40)
})

test('the intake accepts all forms of keys, encodings and content types', async ({ server }) => {
  const gzipped = new Uint8Array(gzipSync(ONE))
  const answers = [
    await server.api.post(ONE, { ...JSON_TYPE, ...KEY }),
    await server.api.post(ONE, { ...JSON_TYPE, ...BASIC }),
    await server.api.post(ONE, { 'content-type': 'text/plain', ...KEY }),
    await server.api.post(JSON.stringify({ name: 'single' }), { ...JSON_TYPE, ...KEY }),
    await server.api.post(gzipped, { ...JSON_TYPE, ...KEY, 'content-encoding': 'gzip' }),
    await server.api.post(ONE, JSON_TYPE, `?key=${WRITE_KEY}`),
    await server.api.post(ONE, { ...JSON_TYPE, authorization: `Bearer ${SECRET_KEY}` }, '', '/v1/logs'),
  ]
  expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 200))
  await expect.poll(async () => (await server.api.totals()).stored).toBe(answers.length)
})

test('invalid events are counted as invalid, and the rest of their batch is stored', async ({ server }) => {
  const body = JSON.stringify([
    { name: 'fine' },
    { name: '' },
    { properties: {} },
    { name: 'x'.repeat(201) },
    { name: 'also_fine' },
  ])
  expect((await server.api.post(body, { ...JSON_TYPE, ...KEY })).status).toBe(200)
  await expect.poll(async () => (await server.api.totals()).stored).toBe(2)
  expect((await server.api.totals()).invalid).toBe(3)
})
