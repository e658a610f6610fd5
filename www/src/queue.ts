// The SDK's keys in localStorage, as this page sees them. The demo only reads them.

export interface Waiting {
  producer: string
  count: number
  /** UTF-16 units of key and value, which are bytes because the text is ASCII. */
  bytes: number
}

export interface Queue {
  count: number
  bytes: number
  /** Every other key of the SDK: the tab lock and the heartbeats of tabs. */
  otherCount: number
  byProducer: Waiting[]
}

/** The pause after each scan is this many times as long as the scan. */
const PAUSE_FACTOR = 20
const EVENT_KEY = /^ll:[^:]+:q:([^:]+):/

/** Keys by producer. */
export function keysBy(queue: Queue): Map<string, number> {
  return new Map(queue.byProducer.map((waiting) => [waiting.producer, waiting.count]))
}

/**
 * Limits how often keys are scanned, because tens of thousands take long and the tabs need the
 * processor.
 */
export class QueueReader {
  readonly #storage: Storage
  #queue: Queue = { count: 0, bytes: 0, otherCount: 0, byProducer: [] }
  #dueMs = 0

  constructor(storage: Storage) {
    this.#storage = storage
  }

  read(): Queue {
    const startedMs = performance.now()
    if (startedMs < this.#dueMs) return this.#queue
    this.#queue = readQueue(this.#storage)
    const endedMs = performance.now()
    this.#dueMs = endedMs + PAUSE_FACTOR * (endedMs - startedMs)
    return this.#queue
  }
}

export function readQueue(storage: Storage): Queue {
  const byProducer = new Map<string, Waiting>()
  const queue: Queue = { count: 0, bytes: 0, otherCount: 0, byProducer: [] }
  for (const key of Object.keys(storage)) {
    if (!key.startsWith('ll:')) continue
    const producer = EVENT_KEY.exec(key)?.[1]
    if (!producer) {
      queue.otherCount += 1
      continue
    }
    const bytes = key.length + (storage.getItem(key)?.length ?? 0)
    const waiting = byProducer.get(producer) ?? { producer, count: 0, bytes: 0 }
    waiting.count += 1
    waiting.bytes += bytes
    byProducer.set(producer, waiting)
    queue.count += 1
    queue.bytes += bytes
  }
  queue.byProducer = [...byProducer.values()].sort((a, b) => b.count - a.count)
  return queue
}
