// The SDK's blocks in IndexedDB, as this page reads them. It never creates or changes the database.
import { BlockNumbers, producerOf } from './block.ts'
import { type Ranges, union } from './ranges.ts'

export interface Overflow {
  byProducer: Map<string, Ranges>
  bytes: number
}

const STORE = 'blocks'

export class OverflowReader {
  readonly #database: string
  readonly #numbers = new BlockNumbers()

  constructor(database: string) {
    this.#database = database
  }

  /** Undefined if the database cannot be read. */
  async read(): Promise<Overflow | undefined> {
    try {
      const database = await openExisting(this.#database)
      if (!database) return { byProducer: new Map(), bytes: 0 }
      try {
        return await this.#blocks(database)
      } finally {
        database.close()
      }
    } catch {
      return undefined
    }
  }

  async #blocks(database: IDBDatabase): Promise<Overflow> {
    const store = database.transaction(STORE, 'readonly').objectStore(STORE)
    const names = (await done(store.getAllKeys())).map(String)
    const texts = await Promise.all(
      names.map((name) => (this.#numbers.get(name) ? undefined : done<unknown>(store.get(name)))),
    )
    this.#numbers.keep(new Set(names))
    const overflow: Overflow = { byProducer: new Map(), bytes: 0 }
    for (const [index, name] of names.entries()) {
      const producer = producerOf(name)
      if (producer === undefined) continue
      const numbers = this.#numbers.get(name) ?? this.#numbers.add(name, String(texts[index] ?? ''))
      overflow.byProducer.set(producer, union(overflow.byProducer.get(producer) ?? [], numbers))
      overflow.bytes += Number(name.split(':')[3])
    }
    return overflow
  }
}

/**
 * Opens the database if there is one. Opening it for the first time would create it, so that is
 * aborted.
 */
async function openExisting(name: string): Promise<IDBDatabase | undefined> {
  const known = await indexedDB.databases?.()
  if (known && !known.some((database) => database.name === name)) return undefined
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name)
    let isMissing = false
    request.onupgradeneeded = () => {
      isMissing = true
      request.transaction?.abort()
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = (event) => {
      event.preventDefault()
      if (isMissing) resolve(undefined)
      else reject(request.error)
    }
  })
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
