// The admin token: from a file, the environment, or the person at the terminal.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { Problem } from './problem.mjs'

/** Returns the token. What is typed is not shown. */
export async function adminToken(file, env, url) {
  if (file !== undefined) return fromFile(file)
  const given = env['LAMPLIGHT_ADMIN_TOKEN']?.trim()
  if (given) return given
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new Problem(
      `failed to get a write key from ${url}: there is no admin token. Set LAMPLIGHT_ADMIN_TOKEN, or give --token-file <file>, or give the write key itself: npx lamplight init --key wk_…\nThe server printed both at its first start.`,
      2,
    )
  process.stderr.write(`Admin token of ${url} (the server printed it at its first start): `)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const asking = createInterface({ input: process.stdin, output: silent, terminal: true })
  const typed = await new Promise((resolve) => {
    asking.on('close', () => resolve(''))
    asking.question('').then(resolve, () => resolve(''))
  })
  asking.close()
  process.stderr.write('\n')
  if (!typed.trim()) throw new Problem('failed to get a write key: no admin token was given')
  return typed.trim()
}

function fromFile(file) {
  let text
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new Problem(`failed to read the admin token from ${file}: ${error.code ?? error.message}`)
  }
  if (!text) throw new Problem(`failed to read the admin token from ${file}: the file is empty`)
  return text
}
