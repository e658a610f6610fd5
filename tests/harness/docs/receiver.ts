// A receiver of webhooks from the documentation, with a real server that sends to it.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect } from '@playwright/test'
import { end } from '../child.ts'
import { Server } from '../server.ts'
import { type Sandbox, SHOWN_KEYS } from './sandbox.ts'
import type { Snippet } from './snippet.ts'

/** Both forms that a secret can have. */
const SECRETS = ['a secret of a webhook', `whsec_${Buffer.from('a secret of a webhook').toString('base64')}`]
const START_MS_MAX = 10_000

/** Runs the receiver with each secret: it takes what the server sends, and refuses all else. */
export async function asReceiver({ text, notes, at }: Snippet, sandbox: Sandbox): Promise<void> {
  const [program = '', ...args] = (notes.receives ?? '').split(' ')
  writeFileSync(join(sandbox.folder, args.at(-1) ?? ''), text)
  for (const secret of SECRETS) {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}/`
    const env = { ...process.env, PORT: String(port), WEBHOOK_SECRET: secret }
    const receiver = spawn(program, args, { cwd: sandbox.folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let printed = ''
    receiver.stdout.on('data', (chunk) => (printed += String(chunk)))
    receiver.stderr.on('data', (chunk) => (printed += String(chunk)))
    try {
      await expect.poll(() => statusOf(url, {}), { message: `${at} starts`, timeout: START_MS_MAX }).toBe(400)
      for (const signature of ['v1,', 'v2,AAAA', 'v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='])
        expect(await statusOf(url, signed(signature)), `${at} with ${signature}`).toBe(400)
      expect(printed, `${at}: output`).not.toContain('received')
      await deliver(url, secret, sandbox)
      await expect.poll(() => printed, { message: `${at} takes what is signed` }).toContain('received order_paid')
    } finally {
      await end(receiver, 'SIGKILL')
    }
  }
}

async function deliver(url: string, secret: string, sandbox: Sandbox): Promise<void> {
  const config = join(sandbox.folder, 'lamplight.toml')
  writeFileSync(config, `[sinks.hook]\nkind = "webhook"\nurl = "${url}"\nsecret = "${secret}"\n`, { mode: 0o600 })
  const keys = { ...SHOWN_KEYS, LAMPLIGHT_CONFIG: config }
  const server = await Server.start('serve', keys)
  try {
    const type = { 'content-type': 'application/json' }
    await server.api.post('[{"name": "order_paid"}]', type, `?key=${keys.LAMPLIGHT_WRITE_KEY}`)
    const sent = async () => (await (await fetch(`${server.url}/api/totals`, authorized())).json()) as Totals
    await expect.poll(async () => (await sent()).sinks['hook']?.sent).toBe(1)
  } finally {
    await server.remove()
  }
}

interface Totals {
  sinks: Record<string, { sent: number }>
}

function authorized(): RequestInit {
  return { headers: { authorization: `Bearer ${SHOWN_KEYS.LAMPLIGHT_ADMIN_TOKEN}` } }
}

function signed(signature: string): Record<string, string> {
  const time = String(Math.floor(Date.now() / 1_000))
  return { 'webhook-id': 'msg_1', 'webhook-timestamp': time, 'webhook-signature': signature }
}

/** The status of a request, or 0 if nobody listens yet. */
async function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  const body = '{"events": [{"name": "forged"}]}'
  return fetch(url, { method: 'POST', headers, body }).then(
    ({ status }) => status,
    () => 0,
  )
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise<void>((resolve) => probe.close(() => resolve()))
  return port
}
