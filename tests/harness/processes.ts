// Finds the process that runs a page.
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const BURN_MS = 150
/**
 * How long a stopped process must keep the page from answering, at least, and as a multiple of an
 * answer's time.
 */
const STILL_MS_MIN = 500
const STILL_FACTOR = 5
const TRIES = 4
/** Linux reports processor time in hundredths of a second, independent of the kernel's tick. */
const TICK_MS = 10

/** Processor time used so far in milliseconds, by process. */
export type Usage = Map<number, number>

/** Runs in the page. */
export function burnCpu(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/**
 * The process that runs a page. While the page uses its processor, the busiest process is checked
 * first. It is the right one if the page does not answer while that process is stopped, which also
 * works on a busy machine.
 */
export async function processOf(
  usage: () => Promise<Usage>,
  burnInPage: (ms: number) => Promise<unknown>,
): Promise<number> {
  for (let turn = 1; turn <= TRIES; turn += 1) {
    const before = await usage()
    await burnInPage(BURN_MS * turn)
    const gains = [...(await usage())]
      .map(([pid, ms]) => ({ pid, gainMs: ms - (before.get(pid) ?? ms) }))
      .sort((a, b) => b.gainMs - a.gainMs)
    for (const { pid } of gains) if (await blocksPage(pid, () => burnInPage(0))) return pid
  }
  throw new Error('failed to find the process that runs the page')
}

/** Whether the page does not answer while the process is stopped. */
async function blocksPage(pid: number, ask: () => Promise<unknown>): Promise<boolean> {
  const askedMs = performance.now()
  await ask()
  const stillMs = Math.max(STILL_MS_MIN, STILL_FACTOR * (performance.now() - askedMs))
  process.kill(pid, 'SIGSTOP')
  const answer = ask()
  const isSilent = await Promise.race([answer.then(() => false), sleep(stillMs, true)])
  process.kill(pid, 'SIGCONT')
  await answer
  return isSilent
}

/**
 * The usage of all descendants of `root` whose command line matches. Uses `/proc`, so on Linux
 * only.
 */
export function descendants(root: number, pattern: RegExp): Usage {
  const parents = new Map<number, number>()
  const usage: Usage = new Map()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    const fields = statOf(pid)
    if (!fields) continue
    parents.set(pid, Number(fields[1]))
    usage.set(pid, (Number(fields[11]) + Number(fields[12])) * TICK_MS)
  }
  const isBelow = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (pid === root || isBelow(parents.get(pid)))
  return new Map([...usage].filter(([pid]) => pid !== root && isBelow(pid) && pattern.test(commandOf(pid))))
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    // The process has ended.
    return ''
  }
}

/** The fields of `/proc/<pid>/stat` after the name, which may contain spaces. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    // The process has ended.
    return undefined
  }
}
