// The server's API for the dashboard: totals, producers, last events, and the fault to simulate.
import type { Ranges } from './ranges.ts'

export type Fault = 'none' | 'unavailable' | 'offline' | 'slow'

export interface Config {
  url: string
  key: string
  token: string
}

export interface Totals {
  received: number
  stored: number
  duplicates: number
  queue: { events: number; oldest_ms: number; set_aside_events: number }
}

export interface ProducerRow {
  producer: string
  made: number
  received: number
  /** Numbers that did not arrive and were not declared as dropped. */
  holes: Ranges
  declared: { reason: string; ranges: Ranges }[]
  verdict: string
  /** In milliseconds since 1970, by the server's clock. */
  last_heard: number
}

export interface ProducerPage {
  producers: ProducerRow[]
  next: string | null
}

export interface EventRow {
  id: string
  name: string
  type: string
  received?: number | string
  producer?: string
  seq?: number
  properties?: unknown
}

/** Everything that the server knows about one event. */
export interface EventDetails {
  timeline: { at: number | null; stage: string; state: string; detail?: string }[]
}

interface RowCounts {
  rows: { count: number }[]
  other: number
  complete: boolean
}

const TIMEOUT_MS = 5_000
const DAY_MS = 86_400_000
/** The server counts rows of at most 92 days. */
const ROWS_SPAN_MS = 90 * DAY_MS
/** The delay of a slow server. */
const SLOW_MS = 3_000

export async function readConfig(): Promise<Config> {
  const answer = await fetch('config.json', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (!answer.ok) throw new Error(`failed to read config.json: ${answer.status}`)
  const config = (await answer.json()) as Config
  return { ...config, url: config.url || location.origin }
}

export class Server {
  #config: Config

  constructor(config: Config) {
    this.#config = config
  }

  /** The viewer token, which is a new one after each start of the server. */
  get token(): string {
    return this.#config.token
  }

  totals(): Promise<Totals> {
    return this.#read('/api/totals')
  }

  /** A page of producers, most recently heard from first. */
  producers(cursor?: string): Promise<ProducerPage> {
    const query = new URLSearchParams({ limit: '200', ...(cursor && { cursor }) })
    return this.#read(`/api/producers?${query}`)
  }

  /** Counts a producer's rows in the database; undefined if there are too many to count. */
  async rows(producer: string): Promise<number | undefined> {
    const nowMs = Date.now()
    const [from, to] = [nowMs - ROWS_SPAN_MS, nowMs + DAY_MS].map(String) as [string, string]
    const query = new URLSearchParams({ by: 'type', producer, from, to })
    const { rows, other, complete } = await this.#read<RowCounts>(`/api/aggregate?${query}`)
    return complete ? rows.reduce((sum, { count }) => sum + count, other) : undefined
  }

  async lastEvents(limit: number): Promise<EventRow[]> {
    const page = await this.#read<{ events: EventRow[] }>(`/api/events?limit=${limit}`)
    return page.events
  }

  event(id: string): Promise<EventDetails> {
    return this.#read(`/api/events/${encodeURIComponent(id)}`)
  }

  async fault(): Promise<Fault> {
    const answer = await this.#read<{ mode: Fault }>('/demo/faults')
    return answer.mode
  }

  async setFault(mode: Fault): Promise<void> {
    await this.#ask('/demo/faults', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ mode, delay_ms: mode === 'slow' ? SLOW_MS : 0 }),
    })
  }

  async #read<T>(path: string): Promise<T> {
    return (await this.#ask(path, {})).json() as Promise<T>
  }

  async #ask(path: string, init: RequestInit): Promise<Response> {
    let answer = await this.#askWith(this.token, path, init)
    if (answer.status === 401) {
      this.#config = await readConfig()
      answer = await this.#askWith(this.token, path, init)
    }
    if (!answer.ok) throw new Error(`failed to read ${path}: ${answer.status}`)
    return answer
  }

  #askWith(token: string, path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${token}`)
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    return fetch(this.#config.url + path, { ...init, headers, signal, cache: 'no-store' })
  }
}
