// What the dashboard remembers across reloads: its own little database, apart from anything the SDK uses.
import type { Totals } from './server.ts'
import type { WitnessRecord } from './witness.ts'

export interface DemoRecord {
  witness: WitnessRecord
  /** The server's totals when counting began. */
  before: Totals
  /** Events that stood in storage when counting began. */
  foundWaiting: number
  /** The server's last known count, to notice that its data were thrown away. */
  received: number
  sinceMs: number
  /** Steps of the checklist that are done. */
  steps: string[]
}

const STORE = 'records'

/** One record per write key, so that another server's numbers never mix with this one's. */
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

/** Without IndexedDB the demo still runs; it only forgets on a reload. */
function open(): Promise<IDBDatabase | undefined> {
  return new Promise((resolve) => {
    const request = indexedDB.open('lamplight-demo', 1)
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
