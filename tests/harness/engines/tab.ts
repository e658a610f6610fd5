// What scenarios need from every browser: open tabs, run code in them, and find their processes.
import { setTimeout as sleep } from 'node:timers/promises'

export interface Tab {
  /** Runs `act` in the page. The argument and the result are passed as JSON. */
  evaluate<Result, Argument>(act: (argument: Argument) => Result | Promise<Result>, argument: Argument): Promise<Result>
  /** The process that runs the page. */
  pid(): Promise<number>
  close(): Promise<void>
}

export interface Engine {
  /** Opens a page of the site in its own process, by default at `/`. */
  openTab(path?: string): Promise<Tab>
  close(): Promise<void>
}

const EXIT_MS_MAX = 10_000

/** The process of each tab. Throws unless every tab has its own. */
export async function separateProcesses(tabs: Tab[]): Promise<number[]> {
  const pids = []
  for (const tab of tabs) pids.push(await tab.pid())
  if (new Set(pids).size !== tabs.length) throw new Error(`tabs share a process: ${pids.join(', ')}`)
  return pids
}

/** Kills a process with `kill -9`, and waits until it has ended. */
export async function killProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  const end = Date.now() + EXIT_MS_MAX
  while (isRunning(pid)) {
    if (Date.now() > end) throw new Error(`process ${pid} still runs ${EXIT_MS_MAX} ms after SIGKILL`)
    await sleep(20)
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
