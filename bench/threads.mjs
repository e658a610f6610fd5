// Processor time of a server's threads. Read from /proc, so Linux only.
import { readdirSync, readFileSync } from 'node:fs'

/**
 * Processor time in ms of the threads that answer requests and write payloads, and of those that
 * work afterwards.
 */
export function processorMs(pid) {
  const spent = { front: 0, back: 0 }
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const read = (file) => readFileSync(`/proc/${pid}/task/${task}/${file}`, 'utf8')
    try {
      const ms = Number(read('schedstat').split(' ')[0]) / 1e6
      spent[/^(lamplight|tokio|writer of intak)/.test(read('comm')) ? 'front' : 'back'] += ms
    } catch {
      // The thread has ended.
    }
  }
  return spent
}
