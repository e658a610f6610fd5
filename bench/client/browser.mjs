// A real headless Chromium that talks to loopback only.
import { chromium } from '@playwright/test'

const FLAGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
]

export const launch = () => chromium.launch({ executablePath: process.env.LAMPLIGHT_CHROMIUM, args: FLAGS })

/** A new tab with the measured page, in a renderer process of its own. */
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

/** How many renderer processes there are: tabs that share one prove nothing. */
export async function renderers(browser) {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  return processInfo.filter(({ type }) => type === 'renderer').length
}
