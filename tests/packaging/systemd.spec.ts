// The systemd unit: systemd accepts it, it is strict, and the server works under its filter.
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Api } from '../harness/api.ts'
import { end } from '../harness/child.ts'
import { ADMIN_TOKEN, binary, WRITE_KEY } from '../harness/server.ts'
import { expect, test } from './test.ts'

const UNIT = fileURLToPath(new URL('../../server/packaging/lamplight.service', import.meta.url))
const UNDER_FILTER = fileURLToPath(new URL('under_filter.py', import.meta.url))
/** The most exposure, in tenths: systemd calls up to 2.0 "OK" and a usual service "UNSAFE", 9.6. */
const EXPOSURE_MAX = 15
const TEXT_BYTES = 600
const EVENTS = 500

/** Where systemd is. The unit means nothing elsewhere. */
if (process.platform === 'linux') {
  test('systemd accepts the unit, and finds it strict', async ({ workFolder }) => {
    const unit = join(workFolder, 'lamplight.service')
    const text = await readFile(UNIT, 'utf8')
    expect(text).toContain('ExecStart=/usr/local/bin/lamplight serve\n')
    await writeFile(unit, text.replace('/usr/local/bin/lamplight', binary()))
    expect(await analyze('verify', unit)).toBe('')
    const exposure = await analyze('security', '--offline=true', `--threshold=${EXPOSURE_MAX}`, unit)
    console.log(exposure.trim().split('\n').at(-1))
  })

  test('the unit waits longer for the server to stop than the server takes', async () => {
    const text = await readFile(UNIT, 'utf8')
    const serve = await readFile(new URL('../../server/src/cli/serve.rs', import.meta.url), 'utf8')
    const graces = [...serve.matchAll(/_GRACE: Duration = Duration::from_secs\((\d+)\)/g)]
    const most = graces.reduce((sum, [, seconds]) => sum + Number(seconds), 0)
    expect(most).toBeGreaterThan(0)
    expect(Number(/TimeoutStopSec=(\d+)/.exec(text)?.[1])).toBeGreaterThan(most)
  })

  test('under the filter of the unit, the server stores, queries and stops', async () => {
    const data = await mkdtemp(join(tmpdir(), 'lamplight-filtered-'))
    const env = { PATH: process.env['PATH'], LAMPLIGHT_WRITE_KEY: WRITE_KEY, LAMPLIGHT_ADMIN_TOKEN: ADMIN_TOKEN }
    const args = [UNDER_FILTER, UNIT, binary(), 'serve', '--listen', '127.0.0.1:0', '--data', data]
    const server = spawn('/usr/bin/python3', args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let printed = ''
    for (const stream of [server.stdout, server.stderr])
      stream.on('data', (chunk: Buffer) => (printed += String(chunk)))
    try {
      await expect.poll(() => printed).toContain('Stop with Ctrl-C')
      const url = /listening on (http:\/\/\S+)/.exec(printed)?.[1] ?? ''
      const api = new Api(url, ADMIN_TOKEN)
      const text = 'x'.repeat(TEXT_BYTES)
      const events = Array.from({ length: EVENTS }, (_, index) => ({ name: `e${index}`, properties: { text } }))
      const json = { 'content-type': 'application/json' }
      const answer = await api.post(JSON.stringify(events), json, `?key=${WRITE_KEY}`)
      expect(answer).toMatchObject({ status: 200, body: { events: EVENTS } })
      await expect.poll(async () => (await api.totals()).stored).toBe(EVENTS)
      // A process of its own, which sorts with temporary files.
      const sql = 'select count(*) from (select a.properties from events a, events b order by 1 limit 100000)'
      const query = await fetch(`${url}/api/query`, {
        method: 'POST',
        headers: { ...json, authorization: `Bearer ${ADMIN_TOKEN}` },
        body: JSON.stringify({ sql }),
      })
      expect(await query.json()).toMatchObject({ rows: [[100_000]] })
      server.kill('SIGTERM')
      await expect.poll(() => server.exitCode, printed).toBe(0)
      expect(printed).not.toMatch(/"level":"(WARN|ERROR)"|Operation not permitted/)
    } finally {
      await end(server, 'SIGKILL')
      await rm(data, { recursive: true, force: true })
    }
  })
}

/** Runs `systemd-analyze`, and returns what it prints. */
function analyze(...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('systemd-analyze', ['--no-pager', ...args], { encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error) reject(new Error(`systemd-analyze ${args.join(' ')} failed: ${stderr}${stdout}`))
      else resolve(stdout + stderr)
    })
  })
}
