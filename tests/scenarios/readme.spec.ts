import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Sandbox, SHOWN_KEYS } from '../harness/docs/sandbox.ts'
import { writeFiles } from '../harness/docs/script.ts'
import { inShell } from '../harness/docs/shell.ts'
import { Shop } from '../harness/docs/shop.ts'
import { storiesOf } from '../harness/docs/snippet.ts'
import { Server } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

/** The first group of the pattern's match in the README. */
function inReadme(pattern: RegExp): string {
  const found = pattern.exec(README)?.[1]
  if (!found) throw new Error(`failed to find ${pattern} in the README: adapt this test to it`)
  return found
}

test('the curl command of the README works, and its events survive kill -9', async () => {
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

test('the quickstart leads from npm install to an event in /api/events', async ({ page }) => {
  const stories = storiesOf('README.md')
  const [install, script, read] = ['npm install', 'import { init }', '/api/events?name='].map((part) =>
    stories.find(({ main }) => main.text.includes(part)),
  )
  if (!install || !script || !read) throw new Error('the README has no quickstart')
  const server = await Server.start('serve', SHOWN_KEYS)
  const app = new Sandbox(server, join(tmpdir(), 'lamplight-app-'))
  try {
    await inShell(install.main, app)
    writeFiles(script, app)
    const shop = await Shop.open(script, app)
    await page.goto(`${shop.url}/main.html`)
    await expect.poll(() => inShell(read.main, app)).toContain('"properties":{"plan":"pro"}')
    await shop.close()
  } finally {
    app.remove()
    await server.remove()
  }
})
