// What every browser can do for a scenario: open tabs, run code in them, and have their processes killed.
import { setTimeout as sleep } from 'node:timers/promises'

export interface Tab {
  /** Runs `act` in the page. Both the argument and the result cross as JSON. */
  evaluate<Result, Argument>(act: (argument: Argument) => Result | Promise<Result>, argument: Argument): Promise<Result>
  /** The process that runs the page. */
  pid(): Promise<number>
  close(): Promise<void>
}

export interface Engine {
  /** A page of the site, in a process of its own; at `path`, if one is named. */
  openTab(path?: string): Promise<Tab>
  close(): Promise<void>
}

const GONE_MS_MAX = 10_000

/** Each tab's process; throws unless every tab has its own. */
export async function separateProcesses(tabs: Tab[]): Promise<number[]> {
  const pids = []
  for (const tab of tabs) pids.push(await tab.pid())
  if (new Set(pids).size !== tabs.length) throw new Error(`tabs share a process: ${pids.join(', ')}`)
  return pids
}

/** `kill -9`, and waits until the process is gone. */
export async function killProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  const end = Date.now() + GONE_MS_MAX
  while (isThere(pid)) {
    if (Date.now() > end) throw new Error(`process ${pid} outlives SIGKILL`)
    await sleep(20)
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
