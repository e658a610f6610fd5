// Pages that send all the time, and the number of their events that are stored.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

const PAGES = 8
const EVENTS = 10
/** The longest that a page waits after a refusal, and for an answer. */
const PAUSE_MS_MAX = 1_000
const ANSWER_MS_MAX = 15_000
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** 128 random bits, as the name of a producer. */
function producer() {
  const letters = [...randomBytes(26)].map((byte) => ALPHABET[byte % 32]).join('')
  return `0${letters.slice(1)}`
}

export class Load {
  #stopping = false
  #pages = []
  #lastAccepted = Date.now()
  #acknowledged = []
  counts = { requests: 0, refused: 0, failed: 0, longestMs: 0 }

  /** Sends to the address until it is stopped. */
  constructor(url, writeKey) {
    this.url = `${url}/v1/events`
    this.headers = { 'content-type': 'application/json', authorization: `Bearer ${writeKey}` }
    this.#pages = Array.from({ length: PAGES }, () => this.#page(producer()))
  }

  /** Lets every page send what it has. Resolves with what was acknowledged. */
  async stop() {
    this.#stopping = true
    await Promise.all(this.#pages)
    return this.#acknowledged
  }

  async #page(name) {
    for (let first = 1; !this.#stopping; first += EVENTS) {
      const texts = Array.from({ length: EVENTS }, (_, index) => `${name}-${first + index}`)
      const events = texts.map((text, index) => ({
        name: 'cluster',
        producer: name,
        seq: first + index,
        properties: { text },
      }))
      // As the SDK does: the same events, until they are acknowledged.
      while (!(await this.#post(JSON.stringify(events)))) await sleep(PAUSE_MS_MAX * Math.random())
      this.#acknowledged.push(...texts)
    }
  }

  async #post(body) {
    this.counts.requests += 1
    try {
      const signal = AbortSignal.timeout(ANSWER_MS_MAX)
      const answer = await fetch(this.url, { method: 'POST', headers: this.headers, body, signal })
      const { status } = await answer.json().catch(() => ({}))
      if (answer.status === 200 && status === 'OK') {
        const now = Date.now()
        this.counts.longestMs = Math.max(this.counts.longestMs, now - this.#lastAccepted)
        this.#lastAccepted = now
        return true
      }
      this.counts.refused += 1
    } catch {
      this.counts.failed += 1
    }
    return false
  }
}

/** Compares what was acknowledged with the texts of the rows that are stored. */
export function compare(acknowledged, rows) {
  const counts = new Map()
  for (const text of rows) counts.set(text, (counts.get(text) ?? 0) + 1)
  const lost = acknowledged.filter((text) => !counts.has(text))
  const doubled = [...counts.values()].filter((count) => count > 1)
  return { acknowledged: acknowledged.length, stored: counts.size, lost: lost.length, doubled: doubled.length }
}
