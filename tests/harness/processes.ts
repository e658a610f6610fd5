// Which process runs a page.
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const BURN_MS = 150
/** A process that stands still for this long, and several times what an answer took before, keeps its page from answering. */
const STILL_MS_MIN = 500
const STILL_FACTOR = 5
const TRIES = 4
/** Linux counts processor time in hundredths of a second, whatever the kernel's own tick is. */
const TICK_MS = 10

/** Processor time used so far, in milliseconds, by process. */
export type Usage = Map<number, number>

/** Runs in the page. */
export function burn(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/**
 * The process that runs a page. The busiest while the page burns is asked first, and it is the one if the page answers
 * nothing while that process stands still: that tells on a busy machine as well.
 */
export async function runner(usage: () => Promise<Usage>, burnFor: (ms: number) => Promise<unknown>): Promise<number> {
  for (let turn = 1; turn <= TRIES; turn += 1) {
    const before = await usage()
    await burnFor(BURN_MS * turn)
    const gains = [...(await usage())]
      .map(([pid, ms]) => ({ pid, gainMs: ms - (before.get(pid) ?? ms) }))
      .sort((a, b) => b.gainMs - a.gainMs)
    for (const { pid } of gains) if (await silences(pid, () => burnFor(0))) return pid
  }
  throw new Error('failed to tell which process runs the page')
}

/** Whether nothing is answered while the process stands still. */
async function silences(pid: number, ask: () => Promise<unknown>): Promise<boolean> {
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

/** The usage of all processes below `root` whose command line fits. From `/proc`, so on Linux only. */
export function descendants(root: number, fits: RegExp): Usage {
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
  return new Map([...usage].filter(([pid]) => pid !== root && isBelow(pid) && fits.test(commandOf(pid))))
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    // It ended meanwhile.
    return ''
  }
}

/** The fields of `/proc/<pid>/stat` after the name, which may itself hold spaces. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    // It ended meanwhile.
    return undefined
  }
}
