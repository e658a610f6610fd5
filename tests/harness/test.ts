// What every scenario starts with: a server and a site of its own, both gone afterwards.
import { test as base, type TestInfo } from '@playwright/test'
import type { Options } from 'lamplight'
import { Client } from './client.ts'
import { Front } from './front.ts'
import { type Command, Server } from './server.ts'
import { Site } from './site.ts'

interface World {
  /** Which command the server runs; `demo` for scenarios with faults. */
  command: Command
  server: Server
  site: Site
  /** What can stand between the tabs and the server. */
  front: Front
  /** Opens a tab of the site with a client in it. */
  openTab: () => Promise<Client>
  /** The same, with a client that reaches the server only through the front. */
  openBehindFront: (options?: Partial<Options>) => Promise<Client>
}

export const test = base.extend<World>({
  command: ['serve', { option: true }],
  server: async ({ command }, use, info) => {
    const server = await Server.start(command)
    await use(server)
    await keepLog(server, info)
    await server.remove()
  },
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that are needed from this pattern.
  site: async ({}, use) => {
    const site = await Site.start()
    await use(site)
    await site.close()
  },
  front: async ({ server }, use) => {
    const front = await Front.start(server.url)
    await use(front)
    await front.close()
  },
  openTab: async ({ context, server, site }, use) => {
    await use(() => Client.openPage(context, site, server.url))
  },
  openBehindFront: async ({ context, front, site }, use) => {
    await use((options) => Client.openPage(context, site, front.url, options))
  },
})

/** A failed scenario shows what the server said. */
async function keepLog(server: Server, info: TestInfo): Promise<void> {
  if (info.status === info.expectedStatus) return
  await info.attach('server.log', { body: server.log(), contentType: 'text/plain' })
}

export { expect } from '@playwright/test'
