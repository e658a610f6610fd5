// The console of a server, as somebody uses it who is signed in.
import type { BrowserContext, Page } from '@playwright/test'
import { ADMIN_TOKEN, SECRET_KEY, type Server, WRITE_KEY } from './server.ts'

/** Every page of the menu. */
export const PAGES = [
  '/overview',
  '/live',
  '/events',
  '/producers',
  '/queues',
  '/errors',
  '/query',
  '/sources',
  '/trends',
  '/alerts',
]

const JSON_TYPE = { 'content-type': 'application/json' }

/** Markup, scripts, signs that turn the direction of writing, and control characters. */
export const HOSTILE = [
  '<script>document.title = "hostile"</script>',
  '"><img src=x onerror="document.title = \'hostile\'">',
  "'; alert(1); '",
  '\u202egnp.exe\u2066',
  '\u0000\u0007\u001b[31m',
  '{{7*7}} <%= 7*7 %>',
  '&lt;b&gt; &amp; <b>',
  'a'.repeat(512),
]

export async function signIn(page: Page, server: Server): Promise<void> {
  await page.goto(`${server.url}/login`)
  await page.getByLabel('Token').fill(ADMIN_TOKEN)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL('**/overview')
}

/** What a page reports that it must not: errors, refused content, and dialogs. */
export function watch(context: BrowserContext): string[] {
  const complaints: string[] = []
  const add = (page: Page) => {
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        complaints.push(`${page.url()}: ${message.text()}`)
    })
    page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`))
    page.on('dialog', (dialog) => {
      complaints.push(`${page.url()}: a dialog says ${dialog.message()}`)
      void dialog.dismiss()
    })
  }
  context.pages().forEach(add)
  context.on('page', add)
  return complaints
}

/** Sends events of every kind: numbered, repeated, missing, invalid, hostile, deep and large. */
export async function sendEverything(server: Server): Promise<void> {
  const producer = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
  const numbered = [1, 2, 2, 3, 7, 8].map((seq) => ({
    name: 'order_paid',
    producer,
    seq,
    user: { id: 'user-7' },
    session: 's1',
    properties: { plan: 'pro', total: 12.5, list: [1, 'two', null], nested: { a: { b: true } } },
    context: { page: 'https://shop.example/cart' },
  }))
  const hostile = HOSTILE.map((text, at) => ({
    name: text.slice(0, 200) || 'empty',
    user: { id: text },
    properties: { [text.slice(0, 100)]: text, at },
  }))
  let deep: unknown = 'end'
  for (let level = 0; level < 60; level += 1) deep = { deeper: deep }
  const large = { name: 'large', properties: { text: 'x'.repeat(32_000), deep } }
  const monitors = [{ name: 'cart', type: 'monitor', monitor: { type: 'increment', name: 'carts', value: 1 } }]
  const query = `?key=${WRITE_KEY}`
  await server.api.post(JSON.stringify(numbered), JSON_TYPE, query)
  for (const event of [...hostile, large, { name: '' }]) {
    await server.api.post(JSON.stringify([event]), JSON_TYPE, query)
  }
  await server.api.post(JSON.stringify(monitors), JSON_TYPE, query)
  await server.api.post('[{"name":"lone","properties":{"half":"\\ud800"}}]', JSON_TYPE, query)
  await server.api.post(JSON.stringify([{ name: 'from the backend' }]), JSON_TYPE, `?key=${SECRET_KEY}`)
}
