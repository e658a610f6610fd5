// Finds and kills the process that runs a page in Chromium. `page.close()` is not enough, because
// it runs handlers and sends beacons.
import type { Browser, Page } from '@playwright/test'
import { burnCpu, processOf, type Usage } from './processes.ts'

interface Process {
  type: string
  id: number
  cpuTime: number
}

async function renderers(browser: Browser): Promise<Usage> {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = (await session.send('SystemInfo.getProcessInfo')) as { processInfo: Process[] }
  await session.detach()
  return new Map(processInfo.filter((one) => one.type === 'renderer').map((one) => [one.id, one.cpuTime * 1_000]))
}

export async function rendererPid(page: Page): Promise<number> {
  const browser = page.context().browser()
  if (!browser) throw new Error('the page has no browser')
  return processOf(
    () => renderers(browser),
    (ms) => page.evaluate(burnCpu, ms),
  )
}

/** The process of each page. Throws unless every page has its own. */
export async function separateRenderers(pages: Page[]): Promise<number[]> {
  const pids = []
  for (const page of pages) pids.push(await rendererPid(page))
  if (new Set(pids).size !== pages.length) throw new Error(`pages share a process: ${pids.join(', ')}`)
  return pids
}

/** Kills the process with `kill -9`, and waits until the browser has noticed. */
export async function killRenderer(page: Page, pid: number): Promise<void> {
  const crashed = page.waitForEvent('crash', { timeout: 10_000 })
  process.kill(pid, 'SIGKILL')
  await crashed
}
