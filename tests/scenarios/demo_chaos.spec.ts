// `lamplight demo --chaos`: the demo without a person.
import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chromium } from '@playwright/test'
import { chromiumPath } from '../harness/programs.ts'
import { binary, withoutSettings } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

interface Ran {
  code: number | null
  out: string
  said: string
}

/** Runs it with temporary files in a folder of its own. */
async function chaos(folder: string, args: string[], meanwhile?: (said: string) => NodeJS.Signals | undefined) {
  const browser = chromiumPath() ?? chromium.executablePath()
  const child = spawn(binary(), ['demo', '--chaos', '--browser', browser, ...args], {
    env: { ...withoutSettings(process.env), TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, said] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    const signal = meanwhile?.(said)
    if (signal) child.kill(signal)
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, out, said } satisfies Ran
}

/** What it left: files, and processes that use them. */
async function leftovers(folder: string): Promise<string[]> {
  const files = (await readdir(folder)).filter((name) => name.startsWith('lamplight-chaos-'))
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'stat=,args='])
  const processes = stdout.split('\n').filter((line) => line.includes(folder) && !line.startsWith('Z'))
  return [...files, ...processes]
}

const DELETE = `
import glob, sqlite3, sys
rows = 0
for path in glob.glob(sys.argv[1] + '/lamplight-chaos-*/server/data/events-*.db'):
    with sqlite3.connect(path, timeout=10, isolation_level=None) as events:
        rows += events.execute('DELETE FROM events WHERE rowid = (SELECT min(rowid) FROM events)').rowcount
print(rows)`

/** Deletes the row of one event, and returns how many were deleted. */
async function deleteRow(folder: string): Promise<string> {
  return (await promisify(execFile)('python3', ['-c', DELETE, folder])).stdout
}

test('the equation holds after killed tabs, killed servers and cut networks', async () => {
  test.setTimeout(240_000)
  const folder = await mkdtemp(join(tmpdir(), 'lamplight-e2e-'))
  const { code, out, said } = await chaos(folder, ['--seconds', '8', '--tabs', '3'])
  expect({ code, out, said }).toMatchObject({ code: 0 })
  expect(said).toMatch(/--seed \d+/)
  for (const done of ['kill -9 of Tab', 'kill -9 of the server', 'no network for', 'the server ']) {
    expect(said).toContain(done)
  }
  const [head, figures] = out.split('\n')
  expect(head).toMatch(/^made +stored +on the way +dropped +lost +duplicates$/)
  const [made, stored, ...nothing] = figures!.trim().split(/ +/).map(Number)
  expect(made).toBeGreaterThan(300)
  expect([stored, ...nothing]).toEqual([made, 0, 0, 0, 0])
  const tabs = [...out.matchAll(/^Tab \d+ +(\d+) +(\d+) +(\d+) {2}(.*)$/gm)]
  expect(tabs.length).toBeGreaterThan(3)
  expect(tabs.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(made)
  expect(tabs.filter(([, , , , state]) => state!.startsWith('killed')).length).toBeGreaterThan(0)
  expect(out).toContain('in the database exactly once')
  await expect.poll(() => leftovers(folder), { timeout: 10_000 }).toEqual([])
  await rm(folder, { recursive: true })
})

test('a deleted row makes chaos exit with 1', async () => {
  test.setTimeout(240_000)
  const folder = await mkdtemp(join(tmpdir(), 'lamplight-e2e-'))
  let deleted: ReturnType<typeof deleteRow> | undefined
  const { code, out } = await chaos(folder, ['--seconds', '1', '--tabs', '2', '--json'], (said) => {
    if (said.includes('kill -9 of the server')) deleted ??= deleteRow(folder)
    return undefined
  })
  expect(Number(await deleted)).toBe(1)
  const report = JSON.parse(out) as Record<string, unknown>
  expect({ code, report }).toMatchObject({ code: 1, report: { holds: false, state: 'broken' } })
  expect(report['text']).toContain('the database has no row')
  await rm(folder, { recursive: true })
})

test('after an interruption, chaos leaves no process and no file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lamplight-e2e-'))
  let isInterrupted = false
  const { code, said } = await chaos(folder, ['--seconds', '600', '--tabs', '2'], (said) => {
    if (isInterrupted || !said.includes('kill -9') || !said.includes('no network')) return undefined
    isInterrupted = true
    return 'SIGINT'
  })
  expect(said).toContain('it was interrupted')
  expect(code).toBe(1)
  await expect.poll(() => leftovers(folder), { timeout: 10_000 }).toEqual([])
  await rm(folder, { recursive: true })
})
