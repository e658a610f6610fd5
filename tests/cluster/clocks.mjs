// Steps of the wall clock of one server. Its monotonic clock goes on, as in a real step.
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { again } from './kills.mjs'
import { until } from './processes.mjs'

const HOUR_S = 3_600
/** How long a clock stays where it was set. */
const STAYS_MS = 6_000
/** Servers tell the minute. */
const OFF_S_MAX = 61

/** The environment of a program whose clock is in a file: how many seconds it is ahead. */
export function clockEnvironment(library, file) {
  writeFileSync(file, '+0')
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
    NO_FAKE_STAT: '1',
  }
}

/** Sets the clock of a server this many seconds ahead, and waits until it shows that. */
export async function step({ servers: all, keys }, server, seconds) {
  writeFileSync(server.clock, seconds < 0 ? String(seconds) : `+${seconds}`)
  const reference = all.find((other) => other !== server)
  // What is called now begins as long ago on both. The header `date` does not go back.
  const nowOf = async ({ url }) => {
    const headers = { authorization: `Bearer ${keys.admin}` }
    const answer = await fetch(`${url}/api/traffic?by=minute`, { headers, signal: AbortSignal.timeout(5_000) })
    return (await answer.json()).start / 1_000
  }
  const isThere = async () => {
    const [now, right] = await Promise.all([server, reference].map(nowOf))
    return Math.abs(now - right - seconds) <= OFF_S_MAX
  }
  await until(`the clock of ${server.name} is ${seconds} s ahead`, isThere, { programs: [server] })
}

/** Steps of the clock of the first server, and how it is set right. */
export function clocks({ servers }) {
  const [server] = servers.servers
  const stepped = async (...steps) => {
    for (const seconds of [...steps, 0]) {
      await step(servers, server, seconds)
      await sleep(STAYS_MS)
    }
  }
  return [
    ['the clock of a server steps an hour forwards, and back', () => stepped(HOUR_S)],
    ['the clock of a server steps an hour backwards, and forwards', () => stepped(-HOUR_S)],
    ['the clock of a server steps between an hour ahead and behind', () => stepped(HOUR_S, -HOUR_S, HOUR_S)],
    ...[HOUR_S, -HOUR_S].map((seconds) => [
      `a server whose clock is an hour ${seconds > 0 ? 'ahead' : 'behind'} is killed, and starts with the right one`,
      async () => {
        await step(servers, server, seconds)
        await sleep(STAYS_MS)
        await server.kill()
        writeFileSync(server.clock, '+0')
        await again([server])
      },
    ]),
  ]
}
