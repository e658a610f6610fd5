// Makes the faults that docs/troubleshooting.md explains, and compares what a user sees.
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from '@playwright/test'
import type { Tracked } from 'lamplight'
import { Client } from '../harness/client.ts'
import { isQuoted, quotedMessages } from '../harness/docs/messages.ts'
import { ADMIN_TOKEN, Server, WRITE_KEY } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

const PAGE = 'docs/troubleshooting.md'
const quoted = quotedMessages(PAGE)
const ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` }

function expectQuoted(messages: string[]): void {
  for (const message of messages) expect(isQuoted(message, quoted), `${PAGE} has: ${message}`).toBe(true)
}

/** The warnings of a page, without the hint at the end of the first. */
function warningsOf(page: Page): string[] {
  const warnings: string[] = []
  page.on('console', (line) => {
    const text = line.text().replace(' (The option debug: false turns these warnings off.)', '')
    if (line.type() === 'warning' && text.startsWith('lamplight:')) warnings.push(text)
  })
  return warnings
}

async function detailOf(response: Response): Promise<string> {
  return ((await response.json()) as { detail: string }).detail
}

test('the console says what the page says when the server or the policy refuses', async ({ page, server, site }) => {
  const key = await fetch(`${server.url}/api/keys`, {
    method: 'POST',
    headers: { ...ADMIN, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'write', source: 'shop', origins: ['https://shop.example.com'] }),
  })
  const restricted = ((await key.json()) as { key: string }).key
  const cases = [
    { url: server.url, key: 'wk_0123456789abcdefghjkmnpqrx' },
    { url: server.url, key: restricted },
    { url: server.url, path: '/v1/event' },
    { url: site.origin },
    { url: 'http://127.0.0.1:9' },
    // The policy of the site allows loopback addresses only.
    { url: 'https://t.example.com' },
  ]
  for (const [index, { url, ...options }] of cases.entries()) {
    const tab = await page.context().newPage()
    const warnings = warningsOf(tab)
    await tab.goto(site.origin)
    const client = await Client.in(tab, url, { ...options, namespace: `n${index}` })
    await client.track('refused')
    await expect.poll(() => warnings.length, { message: `warnings of case ${index}` }).toBeGreaterThan(0)
    expectQuoted(warnings)
    await tab.close()
  }
})

test('a blocked request and an offline browser look as the page says', async ({ context, openBehindProxy }) => {
  const tab = await openBehindProxy()
  const warnings = warningsOf(tab.page)
  const queued = () => tab.page.evaluate(() => window.lamplight.stats().queued)
  await tab.page.route('**/v1/events*', (route) => route.abort('blockedbyclient'))
  await tab.track('blocked')
  await expect.poll(() => warnings.join()).toContain('no answer from')
  await context.setOffline(true)
  await tab.page.unroute('**/v1/events*')
  await tab.track('offline')
  expect(await queued()).toBe(2)
  await context.setOffline(false)
  await expect.poll(queued).toBe(0)
  expectQuoted(warnings)
})

test('a server that cannot store looks as the page says', async ({ faultProxy, openBehindProxy }) => {
  const tab = await openBehindProxy()
  const warnings = warningsOf(tab.page)
  const queued = () => tab.page.evaluate(() => window.lamplight.stats().queued)
  await tab.track('stored')
  await expect.poll(queued).toBe(0)
  faultProxy.behaviour = { status: 503, headers: { 'retry-after': '1' }, body: '{"code":"disk_low"}' }
  await tab.track('waiting')
  await expect.poll(() => warnings.length).toBe(1)
  faultProxy.behaviour = 'forward'
  await expect.poll(queued).toBe(0)
  expectQuoted(warnings)
})

test('track returns the reasons that the page explains', async ({ page, server, site }) => {
  const reasons: Tracked['reason'][] = []
  const cases = [{ sampleRate: 0 }, { consent: 'denied' as const }, { consent: 'pending' as const }, {}]
  const warnings = warningsOf(page)
  for (const [index, options] of cases.entries()) {
    await page.goto(site.origin)
    await Client.in(page, server.url, { ...options, namespace: `n${index}` })
    reasons.push(await page.evaluate(() => window.lamplight.track('one').reason))
  }
  reasons.push(
    ...(await page.evaluate(() => {
      const { lamplight } = window
      lamplight.track('array', [1] as never)
      const large = lamplight.track('large', { text: 'x'.repeat(40_000) })
      lamplight.close()
      return [large, lamplight.track('late')].map(({ reason }) => reason)
    })),
  )
  expect(reasons).toEqual(['sampled_out', 'consent_denied', 'consent_pending', undefined, 'too_large', 'closed'])
  for (const reason of reasons)
    if (reason)
      expect(
        quoted.some((pattern) => pattern.test(reason)),
        reason,
      ).toBe(true)
  await expect.poll(() => warnings.length).toBe(2)
  expectQuoted(warnings)
})

test('what the API answers about an event is what the page says', async ({ server }) => {
  expectQuoted([
    await detailOf(await fetch(`${server.url}/api/events?nam=a`, { headers: ADMIN })),
    await detailOf(await fetch(`${server.url}/api/events/nothing`, { headers: ADMIN })),
  ])
})

// biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that are needed from this pattern.
test('a sink that is stopped, down, or does not want the event shows as the page says', async ({}, info) => {
  const refusing = createServer((request, response) => {
    request.resume().once('end', () => response.writeHead(401).end())
  })
  await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve))
  const { port } = refusing.address() as AddressInfo
  const sink = (address: string) => `kind = "webhook"\nurl = "${address}"\nsecret = "a-secret-of-16-bytes-or-more"\n`
  const config = `[sinks.crm]\n${sink(`http://127.0.0.1:${port}`)}[sinks.down]\n${sink('http://127.0.0.1:9')}[sinks.orders]\n${sink('http://127.0.0.1:9')}route.only = ["order_*"]\n`
  const file = info.outputPath('lamplight.toml')
  writeFileSync(file, config, { mode: 0o600 })
  const keys = { LAMPLIGHT_WRITE_KEY: WRITE_KEY, LAMPLIGHT_ADMIN_TOKEN: ADMIN_TOKEN, LAMPLIGHT_CONFIG: file }
  const server = await Server.start('serve', keys)
  try {
    const event = '[{"id": "seen-1", "name": "seen"}]'
    await server.api.post(event, { 'content-type': 'application/json' }, `?key=${WRITE_KEY}`)
    type Step = { stage: string; sink?: string; state: string; reason?: string; detail?: string }
    const steps = async (): Promise<Step[]> => {
      const answer = await fetch(`${server.url}/api/events/seen-1`, { headers: ADMIN })
      return answer.ok ? ((await answer.json()) as { timeline: Step[] }).timeline : []
    }
    const failed = async () => (await steps()).filter(({ state }) => state === 'retry').map(({ reason }) => reason)
    await expect.poll(async () => new Set(await failed()).size).toBe(2)
    const seen = await steps()
    expect(seen.filter(({ stage, sink }) => stage === 'deliver' && sink === 'orders')).toEqual([])
    for (const { state, reason = '', detail = '' } of seen.filter(({ state }) => state === 'retry')) {
      expectQuoted([detail])
      for (const word of [state, reason])
        expect(
          quoted.some((pattern) => pattern.test(word)),
          word,
        ).toBe(true)
    }
    const totals = (await (await fetch(`${server.url}/api/totals`, { headers: ADMIN })).json()) as {
      sinks: Record<string, { state: string }>
    }
    expect(totals.sinks['crm']?.state).toBe('stopped')
    expect(totals.sinks['down']?.state).toBe('resting')
    expect(server.log()).toContain('the sink is stopped until its configuration changes; GET /api/totals has the cause')
  } finally {
    await server.remove()
    refusing.closeAllConnections()
    refusing.close()
  }
})
