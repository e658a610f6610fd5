// A real headless Chromium without background network traffic.
import { chromium } from '@playwright/test'

export const FLAGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
]

export const launch = () => chromium.launch({ executablePath: process.env.LAMPLIGHT_CHROMIUM, args: FLAGS })

/** Opens the measured page in a new tab with its own renderer process. */
export async function open(context, origin) {
  const page = await context.newPage()
  await page.goto(origin)
  await page.waitForFunction(() => globalThis.lamplightInit)
  return page
}

/** Kills the tab's renderer: no handler of the page runs. */
export async function crash(page) {
  const session = await page.context().newCDPSession(page)
  const crashed = page.waitForEvent('crash', { timeout: 10_000 })
  session.send('Page.crash').catch(() => undefined)
  await crashed
}

/** The number of renderer processes, because tabs that share one do not run in parallel. */
export async function renderers(browser) {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  return processInfo.filter(({ type }) => type === 'renderer').length
}
