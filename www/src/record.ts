// What the dashboard keeps across reloads, in its own database, separate from the SDK's.

import type { Recording } from './recorder.ts'
import type { Totals } from './server.ts'

export interface DemoRecord {
  recording: Recording
  /** The server's totals when counting began. */
  before: Totals
  /** The server's last known count, to detect that its data was deleted. */
  received: number
  sinceMs: number
  /** Finished steps of the checklist. */
  steps: string[]
}

const STORE = 'recordings'

/** One record per write key, so that the numbers of two servers never mix. */
export class RecordStore {
  readonly #key: string
  #database: Promise<IDBDatabase | undefined>

  constructor(key: string) {
    this.#key = key
    this.#database = open()
  }

  async read(): Promise<DemoRecord | undefined> {
    const database = await this.#database
    if (!database) return undefined
    return settled(database.transaction(STORE).objectStore(STORE).get(this.#key))
  }

  async write(record: DemoRecord): Promise<void> {
    const database = await this.#database
    if (!database) return
    await settled(database.transaction(STORE, 'readwrite').objectStore(STORE).put(record, this.#key))
  }
}

/** Without IndexedDB the demo still runs, but keeps nothing across reloads. */
function open(): Promise<IDBDatabase | undefined> {
  return new Promise((resolve) => {
    const request = indexedDB.open('lamplight-demo', 2)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE)
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => resolve(undefined)
  })
}

function settled<T>(request: IDBRequest<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => resolve(undefined)
  })
}
