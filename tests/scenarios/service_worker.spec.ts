// Service workers, which browsers stop at any time, and which may load nothing later.
import type { CDPSession, Page } from '@playwright/test'
import type { Failure, Stats, Tracked } from 'lamplight'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { WRITE_KEY } from '../harness/server.ts'
import { Site } from '../harness/site.ts'
import { expect, test } from '../harness/test.ts'

interface Answer {
  tracked: Tracked[]
  stats: Stats
  errors: Failure[]
}

/** A service worker with a client, which tracks as many events as a message says. */
const script = (entry: string, url: string) => `
import { init } from '${Site.entry(entry)}'
const lamplight = init({ url: '${url}', key: '${WRITE_KEY}' })
const errors = []
lamplight.on('error', ({ message, status }) => errors.push({ message, status }))
addEventListener('install', () => skipWaiting())
onmessage = ({ data, ports: [port] }) => {
  const tracked = Array.from({ length: data }, (_, at) => lamplight.track('in_worker', { at }))
  port.postMessage({ tracked, stats: lamplight.stats(), errors })
}`

/** A page with the worker. `track` sends it a message, which also starts it again. */
async function register(
  page: Page,
  site: Site,
  entry: string,
  url: string,
): Promise<(count: number) => Promise<Answer>> {
  site.add('/sw.js', script(entry, url))
  await page.goto(site.add('/blank', '<!doctype html><title>A page</title>'))
  await page.evaluate(() => navigator.serviceWorker.register('/sw.js', { type: 'module' }))
  return (count) =>
    page.evaluate(async (count) => {
      const { active } = await navigator.serviceWorker.ready
      const { port1, port2 } = new MessageChannel()
      const answered = new Promise<Answer>((resolve) => {
        port1.onmessage = ({ data }) => resolve(data)
      })
      active?.postMessage(count, [port2])
      return answered
    }, count)
}

async function stopWorkers(devtools: CDPSession): Promise<void> {
  await devtools.send('ServiceWorker.enable')
  await devtools.send('ServiceWorker.stopAllWorkers')
}

test('a service worker that is stopped during an outage loses no event', async ({ faultProxy, page, server, site }) => {
  const devtools = await page.context().newCDPSession(page)
  faultProxy.behaviour = 'reset'
  const track = await register(page, site, './worker', faultProxy.url)
  const ids: string[] = []
  for (const count of [7, 120, 1]) {
    ids.push(...(await track(count)).tracked.map(({ id }) => id))
    await expect
      .poll(async () => {
        const { overflow, queued } = (await track(0)).stats
        return queued - overflow.events
      }, 'all events are in IndexedDB')
      .toBe(0)
    await stopWorkers(devtools)
  }
  faultProxy.behaviour = 'forward'
  const last = await track(1)
  expect(last.tracked[0]?.seq, 'another worker').toBe(1)
  expect(last.errors).toEqual([])
  ids.push(...last.tracked.map(({ id }) => id))
  await expectExactlyOnce(server, ids, 80_000)
})

test('events of a stopped service worker are sent by a page', async ({ faultProxy, openTab, page, server, site }) => {
  const devtools = await page.context().newCDPSession(page)
  faultProxy.behaviour = 'reset'
  // The same address, because workers cannot know under which name a page has stored.
  const track = await register(page, site, './worker', server.url)
  await server.kill()
  const { tracked } = await track(5)
  await expect.poll(async () => (await track(0)).stats.overflow.events).toBe(5)
  await stopWorkers(devtools)
  await page.evaluate(async () => (await navigator.serviceWorker.ready).unregister())
  await page.close()
  await server.restart()
  const tab = await openTab()
  const own = await tab.trackMany(1, 'in_page')
  await expectExactlyOnce(
    server,
    [...tracked, ...own].map(({ id }) => id),
    80_000,
  )
})

test('the default entry says in a service worker that it needs another one', async ({ page, server, site }) => {
  const track = await register(page, site, '.', server.url)
  await track(1)
  await expect
    .poll(async () => (await track(0)).errors.map(({ message }) => message).join())
    .toMatch(/^failed to load the full client: .*import\(\).*; service workers need lamplight\/worker/)
})
