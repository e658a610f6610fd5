// Which process runs a page, and how to kill it. `page.close()` is no death: it still runs handlers and sends beacons.
import type { Browser, Page } from '@playwright/test'

const BURN_MS = 200
/** Less than this is noise. */
const GAIN_MS_MIN = 80
const TRIES = 8

interface Process {
  type: string
  id: number
  cpuTime: number
}

async function renderers(browser: Browser): Promise<Map<number, number>> {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = (await session.send('SystemInfo.getProcessInfo')) as { processInfo: Process[] }
  await session.detach()
  return new Map(processInfo.filter((one) => one.type === 'renderer').map((one) => [one.id, one.cpuTime]))
}

/** Finds the page's process by the processor time it burns when asked to: the one that gained by far the most. */
export async function rendererPid(page: Page): Promise<number> {
  const browser = page.context().browser()
  if (!browser) throw new Error('the page has no browser')
  for (let turn = 1; turn <= TRIES; turn += 1) {
    const before = await renderers(browser)
    await page.evaluate((ms) => {
      const end = performance.now() + ms
      while (performance.now() < end);
    }, BURN_MS * turn)
    const after = await renderers(browser)
    const gains = [...after]
      .map(([pid, cpu]) => ({ pid, gainMs: (cpu - (before.get(pid) ?? cpu)) * 1_000 }))
      .sort((a, b) => b.gainMs - a.gainMs)
    const [first, second] = gains
    if (first && first.gainMs >= GAIN_MS_MIN && first.gainMs >= 3 * (second?.gainMs ?? 0)) return first.pid
  }
  throw new Error('failed to tell which process runs the page: the machine is too busy')
}

/** Each page's process; throws unless every page has its own. */
export async function separateRenderers(pages: Page[]): Promise<number[]> {
  const pids = []
  for (const page of pages) pids.push(await rendererPid(page))
  if (new Set(pids).size !== pages.length) throw new Error(`pages share a process: ${pids.join(', ')}`)
  return pids
}

/** `kill -9`, and waits until the browser has noticed. */
export async function killRenderer(page: Page, pid: number): Promise<void> {
  const crashed = page.waitForEvent('crash', { timeout: 10_000 })
  process.kill(pid, 'SIGKILL')
  await crashed
}
