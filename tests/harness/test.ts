// The fixtures of every scenario: its own server and site, which end with it.
import { test as base, type TestInfo } from '@playwright/test'
import type { Options } from 'lamplight'
import { Client } from './client.ts'
import { FaultProxy } from './fault_proxy.ts'
import { type Command, Server } from './server.ts'
import { Site } from './site.ts'

interface Fixtures {
  /** The server's command; `demo` for scenarios with faults. */
  command: Command
  server: Server
  site: Site
  /** A proxy between tabs and server. */
  faultProxy: FaultProxy
  /** Opens a tab of the site with a client. */
  openTab: () => Promise<Client>
  /** Opens a tab with a client that reaches the server only through the proxy. */
  openBehindProxy: (options?: Partial<Options>) => Promise<Client>
}

export const test = base.extend<Fixtures>({
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
  faultProxy: async ({ server }, use) => {
    const proxy = await FaultProxy.start(server.url)
    await use(proxy)
    await proxy.close()
  },
  openTab: async ({ context, server, site }, use) => {
    await use(() => Client.openPage(context, site, server.url))
  },
  openBehindProxy: async ({ context, faultProxy, site }, use) => {
    await use((options) => Client.openPage(context, site, faultProxy.url, options))
  },
})

/** Attaches the server's log to a failed scenario. */
async function keepLog(server: Server, info: TestInfo): Promise<void> {
  if (info.status === info.expectedStatus) return
  await info.attach('server.log', { body: server.log(), contentType: 'text/plain' })
}

export { expect } from '@playwright/test'
