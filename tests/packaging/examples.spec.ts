// The examples, used with only their folder and the package.
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { type Server, WRITE_KEY } from '../harness/server.ts'
import { type Environment, NEXT_ARGS, VITE_ARGS } from './consumer.ts'
import { serveFolder } from './static_site.ts'
import { expect, test } from './test.ts'
import { expectFullClient, expectVisit } from './visit.ts'

const VITE = 'examples/vite-react'
const NEXT = 'examples/next'

test('examples/vite-react, built: page views, a click and a timing arrive', async ({ install, host, page, server }) => {
  const consumer = await install(VITE)
  await test.step('build', () => consumer.run('build', viteTo(server)))
  const url = await host(consumer.serve('preview', VITE_ARGS))
  await expectStory(page, url, server, 'vite-react')
})

test('examples/vite-react, in development: strict mode counts no page view twice', async ({
  install,
  host,
  page,
  server,
}) => {
  const consumer = await install(VITE)
  const url = await host(consumer.serve('dev', VITE_ARGS, viteTo(server)))
  await expectStory(page, url, server, 'vite-react')
})

test('examples/next, built: static and server-rendered pages send their events', async ({
  install,
  host,
  page,
  server,
}) => {
  const consumer = await install(NEXT)
  await consumer.add('tests/packaging/consumers/next_slim')
  const printed = await test.step('build', () => consumer.run('build', nextTo(server)))
  expect(printed).toMatch(/○ \/\n/)
  expect(printed).toMatch(/ƒ \/checkout\n/)
  const url = await host(consumer.serve('start', NEXT_ARGS))
  await expectStory(page, url, server, 'next')

  await page.goto(`${url}/checkout`)
  await expect(page.getByRole('button', { name: 'Check out' })).toBeVisible()
  await expect.poll(() => paths(server)).toEqual(['/', '/', '/checkout', '/checkout'])

  await page.goto(`${url}/slim`)
  await expect(page.getByText('stored: true')).toBeVisible()
  await expect.poll(async () => (await server.api.events({ name: 'opened_slim' })).length).toBe(1)
})

test('examples/next, in development: page views count once, hydration has no warning', async ({
  install,
  host,
  page,
  server,
}) => {
  const consumer = await install(NEXT)
  const url = await host(consumer.serve('dev', NEXT_ARGS, nextTo(server)))
  await expectStory(page, url, server, 'next')
})

test('Next, exported: static pages send their events, also with the full client', async ({
  install,
  host,
  page,
  server,
}) => {
  const consumer = await install(NEXT)
  for (const path of ['next_export', 'pages/src']) await consumer.add(`tests/packaging/consumers/${path}`)
  await test.step('build', () => consumer.node('node_modules/next/dist/bin/next', 'build', 'exported'))
  const url = await host(serveFolder(join(consumer.folder, 'exported/out')))
  await expectVisit(page, `${url}/`, server, 'exported')
  await expectFullClient(page, server)
  await page.goto(`${url}/slim?${new URLSearchParams({ url: server.url, key: WRITE_KEY })}`)
  await expect(page).toHaveTitle('stored')
  await expect
    .poll(async () => (await server.api.events({ name: 'visited' })).map(({ properties }) => properties['entry']))
    .toEqual(['exported_slim', 'exported'])
})

function viteTo(server: Server): Environment {
  return { VITE_LAMPLIGHT_URL: server.url, VITE_LAMPLIGHT_KEY: WRITE_KEY }
}

function nextTo(server: Server): Environment {
  return { NEXT_PUBLIC_LAMPLIGHT_URL: server.url, NEXT_PUBLIC_LAMPLIGHT_KEY: WRITE_KEY }
}

/** Signs up, checks out and returns, and expects exactly those events at the server. */
async function expectStory(page: Page, url: string, server: Server, app: string): Promise<void> {
  await page.goto(url)
  await page.getByRole('button', { name: 'Sign up' }).click()
  await page.getByRole('link', { name: 'Checkout' }).click()
  await page.getByRole('button', { name: 'Help' }).click()
  await page.getByRole('button', { name: 'Check out' }).click()
  await expect(page.getByText('Thank you.')).toBeVisible()
  await page.getByRole('link', { name: 'Home' }).click()
  await expect(page.getByRole('button', { name: 'Sign up' })).toBeVisible()
  await expect(page.locator('output')).toHaveText('6')

  await expect.poll(() => paths(server)).toEqual(['/', '/', '/checkout'])
  const rows = (await server.api.events()).filter(({ name }) => name !== 'page')
  expect(rows.map(({ name }) => name).sort()).toEqual(['checkout.latency', 'help_asked', 'signed_up'])
  expect(rows.find(({ name }) => name === 'signed_up')?.properties).toEqual({ plan: 'pro' })
  expect(rows.find(({ name }) => name === 'help_asked')?.properties).toEqual({ topic: 'payment' })
  expect(rows.find(({ name }) => name === 'checkout.latency')?.monitor).toMatchObject({ kind: 'timer', tags: { app } })
  expect(new Set(rows.map(({ producer }) => producer)).size).toBe(1)
}

/** The paths of all page views. */
async function paths(server: Server): Promise<unknown[]> {
  return (await server.api.events({ name: 'page' })).map(({ properties }) => properties['path']).sort()
}
