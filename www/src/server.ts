// The server's API for the dashboard: totals, producers, last events, and the fault to simulate.

export type Fault = 'none' | 'unavailable' | 'offline' | 'slow'

export interface Config {
  url: string
  key: string
  token: string
}

export interface Totals {
  made: number
  received: number
  stored: number
  duplicates: number
  invalid: number
  in_flight: number
  declared: number
  lost: number
  queue?: { depth: number; oldest_ms: number }
}

export interface ProducerRow {
  producer: string
  made: number
  received: number
  verdict: string
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

const TIMEOUT_MS = 5_000
/** The delay of a slow server. */
const SLOW_MS = 3_000

export async function readConfig(): Promise<Config> {
  const answer = await fetch('config.json', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (!answer.ok) throw new Error(`failed to read config.json: ${answer.status}`)
  const config = (await answer.json()) as Config
  return { ...config, url: config.url || location.origin }
}

export class Server {
  readonly #config: Config

  constructor(config: Config) {
    this.#config = config
  }

  totals(): Promise<Totals> {
    return this.#read('/api/totals')
  }

  async producers(): Promise<ProducerRow[]> {
    const page = await this.#read<{ producers: ProducerRow[] }>('/api/producers?limit=200')
    return page.producers
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
    const headers = new Headers(init.headers)
    headers.set('authorization', `Bearer ${this.#config.token}`)
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const answer = await fetch(this.#config.url + path, { ...init, headers, signal, cache: 'no-store' })
    if (!answer.ok) throw new Error(`failed to read ${path}: ${answer.status}`)
    return answer
  }
}
