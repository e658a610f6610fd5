// What every scenario starts with: a server and a site of its own, both gone afterwards.
import { test as base, type TestInfo } from '@playwright/test'
import { Client } from './client.ts'
import { Server, type Command } from './server.ts'
import { Site } from './site.ts'

interface World {
  /** Which command the server runs; `demo` for scenarios with faults. */
  command: Command
  server: Server
  site: Site
  /** Opens a tab of the site with a client in it. */
  openTab: () => Promise<Client>
}

export const test = base.extend<World>({
  command: ['serve', { option: true }],
  server: async ({ command }, use, info) => {
    const server = await Server.start(command)
    await use(server)
    await keepLog(server, info)
    await server.remove()
  },
  site: async ({}, use) => {
    const site = await Site.start()
    await use(site)
    await site.close()
  },
  openTab: async ({ context, server, site }, use) => {
    await use(() => Client.openPage(context, site, server.url))
  },
})

/** A failed scenario shows what the server said. */
async function keepLog(server: Server, info: TestInfo): Promise<void> {
  if (info.status === info.expectedStatus) return
  await info.attach('server.log', { body: server.log(), contentType: 'text/plain' })
}

export { expect } from '@playwright/test'
