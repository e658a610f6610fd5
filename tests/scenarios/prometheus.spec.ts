// The real Prometheus scrapes the real server. Every expression of the dashboard has data, and
// every alert can be evaluated.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Sandbox, SHOWN_KEYS } from '../harness/docs/sandbox.ts'
import { storiesOf } from '../harness/docs/snippet.ts'
import { freePort } from '../harness/free_port.ts'
import { Prometheus, promtool } from '../harness/prometheus.ts'
import { Server } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const GRAFANA = join(ROOT, 'server/grafana')
const PRODUCER = '01ARZ3NDEKTSV4RRFFQ69G5FAV'

interface Dashboard {
  panels: { title: string; targets?: { expr: string }[] }[]
}

test('the alerts begin when they should, and not while everything is well', () => {
  const { code, printed } = promtool(['test', 'rules', join(GRAFANA, 'alerts_test.yml')])
  expect(code, printed).toBe(0)
})

test('a real Prometheus understands the metrics, the dashboard and the alerts', async () => {
  // Refuses every event for good.
  const strict = createServer((_, response) => response.writeHead(400).end())
  await new Promise<void>((resolve) => strict.listen(0, '127.0.0.1', resolve))
  const sandbox = await sandboxWithSinks((strict.address() as AddressInfo).port)
  const { server, folder } = sandbox
  let prometheus: Prometheus | undefined
  try {
    writeFileSync(join(folder, 'lamplight-token'), SHOWN_KEYS.LAMPLIGHT_ADMIN_TOKEN)
    writeFileSync(join(folder, 'prometheus.yml'), documentedConfiguration(sandbox))
    prometheus = await Prometheus.start(folder)
    let seq = 0
    await expect(async () => {
      seq += 2
      // A stored event, a duplicate, an invalid one, a missing number, and a refused request.
      await send(server.url, SHOWN_KEYS.LAMPLIGHT_WRITE_KEY, [event(seq), event(seq), { name: '' }])
      await send(server.url, 'wk_wrong', [])
      expect(await prometheus?.query('count_over_time(lamplight_ready[1m])')).toEqual([expect.any(Number)])
      const scrapes = (await prometheus?.query('min(count_over_time(lamplight_http_answers_total[1m]))')) ?? []
      expect(Number(scrapes[0])).toBeGreaterThan(3)
    }).toPass({ timeout: 40_000, intervals: [500] })
    expect(await prometheus.scrapeErrors()).toEqual([''])

    const dashboard = JSON.parse(readFileSync(join(GRAFANA, 'lamplight.json'), 'utf8')) as Dashboard
    const expressions = dashboard.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ title, expr })),
    )
    expect(expressions.length).toBeGreaterThan(40)
    const wrong: string[] = []
    for (const { title, expr } of expressions) {
      const values = await prometheus.query(expr.replaceAll('$__rate_interval', '30s').replaceAll('$instance', '.*'))
      if (typeof values === 'string' || values.length === 0)
        wrong.push(`${title}: ${expr}: ${values.length ? values : 'no data'}`)
    }
    expect(wrong).toEqual([])

    const unhealthy = async (): Promise<unknown[]> =>
      ((await prometheus?.rules()) ?? []).filter(({ health }) => health !== 'ok')
    await expect.poll(unhealthy).toEqual([])
    expect((await prometheus.rules()).length).toBe(16)
  } finally {
    await prometheus?.close()
    await remove(sandbox)
    strict.close()
  }
})

test('promtool finds nothing to criticise in the metrics', async () => {
  const sandbox = await sandboxWithSinks(await freePort())
  try {
    const { url } = sandbox.server
    await send(url, SHOWN_KEYS.LAMPLIGHT_WRITE_KEY, [event(1), event(3)])
    const headers = { authorization: `Bearer ${SHOWN_KEYS.LAMPLIGHT_ADMIN_TOKEN}` }
    const page = await (await fetch(`${url}/metrics`, { headers })).text()
    expect(promtool(['check', 'metrics'], page)).toEqual({ code: 0, printed: '' })
  } finally {
    await remove(sandbox)
  }
})

/** A server with a sink that works, one that nothing listens for, and one at `strictPort`. */
async function sandboxWithSinks(strictPort: number): Promise<Sandbox> {
  const folder = mkdtempSync(join(tmpdir(), 'lamplight-metrics-'))
  const webhook = (name: string, port: number): string =>
    `[sinks.${name}]\nkind = 'webhook'\nurl = 'http://127.0.0.1:${port}'\nsecret = '0123456789abcdef'\n`
  const archive = `[sinks.archive]\nkind = 'file'\npath = '${join(folder, 'events.ndjson')}'\n`
  const config = join(folder, 'lamplight.toml')
  writeFileSync(config, archive + webhook('gone', await freePort()) + webhook('strict', strictPort))
  const keys = { ...SHOWN_KEYS, LAMPLIGHT_CONFIG: config }
  return new Sandbox(await Server.start('serve', keys), join(folder, 'sandbox-'))
}

/** Ends the server, and removes all its files. */
async function remove({ server, folder }: Sandbox): Promise<void> {
  await server.remove()
  rmSync(dirname(folder), { recursive: true, force: true })
}

/** The configuration of the guide, with this server and more scrapes. */
function documentedConfiguration(sandbox: Sandbox): string {
  const files = storiesOf('docs/metrics.md').flatMap((story) => story.files)
  const text = files.find(({ notes }) => notes.file === 'prometheus.yml')?.text ?? ''
  expect(text).toContain('15s')
  return sandbox
    .withLocalAddresses(text)
    .replaceAll('15s', '1s')
    .replace('server/grafana/alerts.yml', join(GRAFANA, 'alerts.yml'))
}

function event(seq: number): object {
  return { name: 'opened', producer: PRODUCER, seq }
}

async function send(url: string, key: string, events: object[]): Promise<void> {
  await fetch(`${url}/v1/events?key=${key}`, { method: 'POST', body: JSON.stringify(events) })
}
