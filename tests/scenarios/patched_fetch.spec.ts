import { Client } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { expect, test } from '../harness/test.ts'

test('a page whose fetch adds tracing headers to every request sends its events', async ({ context, server, site }) => {
  // As tracing libraries do, before the page's own scripts run.
  await context.addInitScript(() => {
    const original = window.fetch
    window.fetch = (input, init) => {
      const headers = new Headers(init?.headers)
      headers.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
      headers.set('baggage', 'sentry-environment=test')
      headers.set('sentry-trace', '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1')
      headers.set('x-tenant', 'shop')
      return original(input, { ...init, headers })
    }
  })
  const sent: Record<string, string>[] = []
  context.on('request', (request) => {
    if (request.url().startsWith(server.url) && request.method() === 'POST') sent.push(request.headers())
  })
  const tab = await Client.openPage(context, site, server.url)
  const made = await tab.trackMany(20, 'traced')
  await expectExactlyOnce(
    server,
    made.map((one) => one.id),
  )
  expect(sent[0]).toMatchObject({ baggage: 'sentry-environment=test', 'x-tenant': 'shop' })
})
