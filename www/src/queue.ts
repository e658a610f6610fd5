// The SDK's keys in localStorage, as this page sees them. Reading only: the demo never touches a key of the SDK.

export interface Waiting {
  producer: string
  count: number
  /** One UTF-16 unit each of key and value; ASCII text, so also bytes. */
  bytes: number
}

export interface Queue {
  count: number
  bytes: number
  /** Every other key of the SDK: the tab lock and the tabs' beats. */
  otherCount: number
  byProducer: Waiting[]
}

/** For each millisecond of looking, so many of rest. */
const PAUSES = 20
const EVENT_KEY = /^ll:[^:]+:q:([^:]+):/

/** Keys by producer. */
export function keysBy(queue: Queue): Map<string, number> {
  return new Map(queue.byProducer.map((waiting) => [waiting.producer, waiting.count]))
}

/** Looks at the keys as often as is cheap: tens of thousands of them take their time, and the tabs need the processor. */
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
    this.#dueMs = endedMs + PAUSES * (endedMs - startedMs)
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
