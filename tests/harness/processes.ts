// Which process runs a page: the one that burns the processor when the page is asked to.
import { readdirSync, readFileSync } from 'node:fs'

const BURN_MS = 150
/** Less than this is noise. */
const GAIN_MS_MIN = 80
const TRIES = 10
/** Linux counts processor time in hundredths of a second, whatever the kernel's own tick is. */
const TICK_MS = 10

/** Processor time used so far, in milliseconds, by process. */
export type Usage = Map<number, number>

/** Runs in the page. */
export function burn(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** The process whose usage grew by far the most while `burnFor` burned, twice in a row: others are busy at times as well. */
export async function burner(usage: () => Promise<Usage>, burnFor: (ms: number) => Promise<unknown>): Promise<number> {
  let suspect: number | undefined
  for (let turn = 1; turn <= TRIES; turn += 1) {
    const before = await usage()
    await burnFor(BURN_MS * turn)
    const found = busiest(before, await usage())
    if (found !== undefined && found === suspect) return found
    suspect = found
  }
  throw new Error('failed to tell which process runs the page: the machine is too busy')
}

function busiest(before: Usage, after: Usage): number | undefined {
  const gains = [...after].map(([pid, ms]) => ({ pid, gainMs: ms - (before.get(pid) ?? ms) })).sort((a, b) => b.gainMs - a.gainMs)
  const [first, second] = gains
  return first && first.gainMs >= GAIN_MS_MIN && first.gainMs >= 3 * (second?.gainMs ?? 0) ? first.pid : undefined
}

/** The usage of all processes below `root`, `root` left out. From `/proc`, so on Linux only. */
export function descendants(root: number): Usage {
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
  const isBelow = (pid: number | undefined): boolean => pid !== undefined && pid > 1 && (pid === root || isBelow(parents.get(pid)))
  return new Map([...usage].filter(([pid]) => pid !== root && isBelow(pid)))
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
