// The server's HTTP API, for tests.

export interface Totals {
  made: number
  received: number
  stored: number
  duplicates: number
  invalid: number
  in_flight: number
  declared: number
  lost: number
  queue: { depth: number; oldest_ms: number }
  refused: { since: number; by_code: Record<string, number>; by_key: Record<string, number> }
}

export interface EventRow {
  id: string
  name: string
  type: string
  producer: string | null
  seq: number | null
  properties: Record<string, unknown>
  monitor?: Record<string, unknown> | null
  user?: { id?: string } | null
}

export interface ProducerRow {
  producer: string
  made: number
  received: number
  missing: number
  holes: [number, number][]
  declared: { reason: string; ranges: [number, number][] }[]
  restored?: { backup: number; restored: number; numbers: [number, number] }[]
  verdict: string
}

/** The intake's response. */
export interface Answer {
  status: number
  contentType: string
  retryAfter: string | null
  body: Record<string, unknown>
}

const PAGE = 200
const TIMEOUT_MS = 10_000

export class Api {
  readonly #url: string
  readonly #token: string

  constructor(url: string, token: string) {
    this.#url = url
    this.#token = token
  }

  totals(): Promise<Totals> {
    return this.#read('/api/totals')
  }

  /** Every row that matches the filter, from all pages. */
  async events(filter: Record<string, string> = {}): Promise<EventRow[]> {
    return this.#pages<EventRow>('/api/events', 'events', filter)
  }

  async producers(): Promise<ProducerRow[]> {
    return this.#pages<ProducerRow>('/api/producers', 'producers', {})
  }

  alerts(): Promise<{ active: unknown[] }> {
    return this.#read('/api/alerts')
  }

  event(id: string): Promise<Record<string, unknown>> {
    return this.#read(`/api/events/${encodeURIComponent(id)}`)
  }

  /** Works only with `lamplight demo`, using the demo page's token. */
  async setFault(mode: 'none' | 'unavailable' | 'offline' | 'slow', delayMs = 0): Promise<void> {
    const config = (await (await this.#fetch('/demo/config.json', {})).json()) as { token: string }
    const answer = await this.#fetch('/demo/faults', {
      method: 'POST',
      headers: { authorization: `Bearer ${config.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ mode, delay_ms: delayMs }),
    })
    if (!answer.ok) throw new Error(`failed to set the fault ${mode}: ${answer.status} ${await answer.text()}`)
  }

  /** Posts to the intake as any client would. */
  async post(
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string>,
    query = '',
    path = '/v1/events',
  ): Promise<Answer> {
    const answer = await this.#fetch(path + query, { method: 'POST', body, headers })
    const text = await answer.text()
    return {
      status: answer.status,
      contentType: answer.headers.get('content-type') ?? '',
      retryAfter: answer.headers.get('retry-after'),
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    }
  }

  async #pages<T>(path: string, field: string, filter: Record<string, string>): Promise<T[]> {
    const rows: T[] = []
    let cursor: string | null = null
    do {
      const query: URLSearchParams = new URLSearchParams({ ...filter, limit: String(PAGE) })
      if (cursor !== null) query.set('cursor', cursor)
      const page: Record<string, unknown> = await this.#read(`${path}?${query}`)
      rows.push(...(page[field] as T[]))
      const next: unknown = page['next']
      cursor = next === null || next === undefined ? null : String(next)
    } while (cursor !== null)
    return rows
  }

  async #read<T>(path: string): Promise<T> {
    const answer = await this.#fetch(path, { headers: { authorization: `Bearer ${this.#token}` } })
    if (!answer.ok) throw new Error(`failed to read ${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as T
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    return fetch(this.#url + path, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
  }
}
