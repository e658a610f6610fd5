// The SDK's keys in localStorage, as this page sees them. The demo only reads them.
import { BlockNumbers, producerOf } from './block.ts'
import { type Ranges, rangesOf, union } from './ranges.ts'

/** The tab lock's registers and the lease, as written by the SDK; empty if there is none. */
export interface LockKeys {
  y: string
  lease: string
}

export interface StoredKeys {
  /** Events with a key each, by producer. */
  singles: Map<string, Ranges>
  /** Events in blocks, by producer. */
  blocks: Map<string, Ranges>
  /** UTF-16 units of key and value, which are bytes because the text is ASCII. */
  singleBytes: number
  blockBytes: number
  lock: LockKeys
}

/** The pause after each scan is this many times as long as the scan. */
const PAUSE_FACTOR = 20

/**
 * Limits how often keys are scanned, because thousands of them take long and the tabs need the
 * processor.
 */
export class KeyReader {
  readonly #storage: Storage
  readonly #prefix: string
  readonly #numbers = new BlockNumbers()
  #keys: StoredKeys | undefined
  #dueMs = 0

  constructor(storage: Storage, namespace: string) {
    this.#storage = storage
    this.#prefix = `${namespace}:`
  }

  read(): StoredKeys {
    const startedMs = performance.now()
    if (this.#keys && startedMs < this.#dueMs) return this.#keys
    this.#keys = this.#scan()
    const endedMs = performance.now()
    this.#dueMs = endedMs + PAUSE_FACTOR * (endedMs - startedMs)
    return this.#keys
  }

  #scan(): StoredKeys {
    const keys: StoredKeys = {
      singles: new Map(),
      blocks: new Map(),
      singleBytes: 0,
      blockBytes: 0,
      lock: { y: '', lease: '' },
    }
    const singles = new Map<string, number[]>()
    const names = new Set<string>()
    for (const key of Object.keys(this.#storage)) {
      if (!key.startsWith(this.#prefix)) continue
      const [kind, ...rest] = key.slice(this.#prefix.length).split(':')
      const size = (): number => key.length + (this.#storage.getItem(key)?.length ?? 0)
      if (kind === 'q') {
        const [producer = '', seq] = rest
        const numbers = singles.get(producer) ?? []
        singles.set(producer, numbers)
        numbers.push(Number(seq))
        keys.singleBytes += size()
      } else if (kind === 'b') {
        const name = rest.join(':')
        names.add(name)
        this.#addBlock(keys.blocks, name, key)
        keys.blockBytes += size()
      }
    }
    for (const [producer, numbers] of singles) keys.singles.set(producer, rangesOf(numbers))
    this.#numbers.keep(names)
    keys.lock.y = this.#storage.getItem(`${this.#prefix}l:y`) ?? ''
    keys.lock.lease = this.#storage.getItem(`${this.#prefix}l:lease`) ?? ''
    return keys
  }

  #addBlock(blocks: Map<string, Ranges>, name: string, key: string): void {
    const producer = producerOf(name)
    if (producer === undefined) return
    const numbers = this.#numbers.get(name) ?? this.#numbers.add(name, this.#storage.getItem(key) ?? '')
    blocks.set(producer, union(blocks.get(producer) ?? [], numbers))
  }
}
