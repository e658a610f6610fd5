// What this command asks the server: for a write key, and whether a key works.
import { Problem } from './problem.mjs'

const ANSWER_MS_MAX = 10_000

export class LamplightServer {
  /** Its address, without a slash at the end. */
  url

  constructor(text) {
    let url
    try {
      url = new URL(text)
    } catch {}
    if (!url || !/^https?:$/.test(url.protocol))
      throw new Problem(`invalid address ${JSON.stringify(text)}: give an address such as http://127.0.0.1:8787`, 2)
    if (url.search || url.hash || url.username)
      throw new Problem(`invalid address ${url.origin}: give it without user, query and fragment`, 2)
    this.url = url.href.replace(/\/+$/, '')
  }

  /** An enabled write key of this source that any page may use, created if there is none. */
  async writeKey(token, source) {
    const { keys } = await this.#ask('/api/keys', { headers: { authorization: `Bearer ${token}` } }, 'list the keys')
    const usable = (it) => it.kind === 'write' && !it.disabled && it.origins.length === 0
    const there = keys.find((it) => usable(it) && (source === undefined || it.source === source))
    if (there) return there.key
    const created = await this.#ask(
      '/api/keys',
      {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'write', source: source ?? 'web' }),
      },
      'create a write key',
    )
    return created.key
  }

  /** Checks that pages can send events with a key. Nothing is stored. */
  async check(key) {
    const query = new URLSearchParams({ key, validate: '1' })
    const body = '[{"name":"hello"}]'
    await this.#ask(`/v1/events?${query}`, { method: 'POST', body }, 'send an event with the write key')
  }

  async #ask(path, request, aim) {
    let response
    try {
      response = await fetch(this.url + path, { ...request, signal: AbortSignal.timeout(ANSWER_MS_MAX) })
    } catch (error) {
      const why = error.cause?.code ?? error.cause?.message ?? error.message
      throw new Problem(
        `failed to reach the server at ${this.url} (${why}). Start it with: npx lamplight-server\nIf it has another address, give that: npx lamplight init --url http://127.0.0.1:9000`,
      )
    }
    const answer = await response.json().catch(() => undefined)
    if (response.ok && answer !== undefined) return answer
    throw new Problem(`failed to ${aim}: ${this.#reason(response.status, answer)}`)
  }

  #reason(status, answer) {
    const said = answer?.code ? `${status} ${answer.code}: ${answer.detail}` : `status ${status}`
    if (!answer?.code) return `${this.url} answers with ${said}, which no Lamplight server does. Check the address`
    return `the server answers ${said}`
  }
}
