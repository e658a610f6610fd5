import { readFileSync } from 'node:fs'
import { Server } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

/** The first group of the pattern in the README. */
function inReadme(pattern: RegExp): string {
  const found = pattern.exec(README)?.[1]
  if (!found) throw new Error(`the README has nothing like ${pattern}: adapt this test to it`)
  return found
}

test('the curl command of the README works as it stands there, and its events survive kill -9', async () => {
  const keys = {
    LAMPLIGHT_WRITE_KEY: inReadme(/LAMPLIGHT_WRITE_KEY=(\S+)/),
    LAMPLIGHT_ADMIN_TOKEN: inReadme(/LAMPLIGHT_ADMIN_TOKEN=(\S+)/),
  }
  const query = inReadme(/curl '[^']*\/v1\/events(\?key=[^']+)'/)
  const type = inReadme(/-H 'content-type: ([^']+)'/i)
  const body = inReadme(/-d '(\[[^']*\])'/)
  const server = await Server.start('serve', keys)
  try {
    const answer = await server.api.post(body, { 'content-type': type }, query)
    expect(answer).toMatchObject({ status: 200, body: { status: 'OK', events: 2 } })
    await server.kill()
    await server.restart()
    await expect.poll(async () => (await server.api.totals()).stored).toBe(2)
    expect((await server.api.events()).map((row) => row.type).sort()).toEqual(['default', 'monitor'])
  } finally {
    await server.remove()
  }
})
