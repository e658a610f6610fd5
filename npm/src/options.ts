// Checks the options of `init`.
import { canRun } from './environment.ts'
import type { Consent, Options } from './types.ts'

export const CONSENTS = "'granted', 'denied' or 'pending'"

export function isConsent(consent: unknown): consent is Consent {
  return consent === 'granted' || consent === 'denied' || consent === 'pending'
}

/**
 * What `url` must be as it is given. Everything else, such as an unset variable, would be a path on
 * the page's own site.
 */
const GIVEN = /^\s*(https?:\/)?\/+(?!\/|(undefined|null)(?![\w.-]))/i
/** What it must resolve to: no other protocol, and no credentials, which `fetch` refuses. */
const RESOLVED = /^https?:\/\/[^/@]+\//

/** The address to post to. Throws if an option is invalid, which only `init` does. */
export function addressOf({
  url,
  key,
  path = '/v1/events',
  intervalMs,
  maxEvents,
  maxBytes,
  liveness = 'auto',
  storage,
  consent = 'granted',
  sampleRate = 1,
}: Options): string {
  must(key && typeof key === 'string', 'key', 'a write key')
  must(liveness === 'auto' || liveness === 'beat', 'liveness', "'auto' or 'beat'")
  must(isConsent(consent), 'consent', CONSENTS)
  must(sampleRate >= 0 && sampleRate <= 1, 'sampleRate', 'a number from 0 to 1')
  for (const [name, value = 1] of Object.entries({
    intervalMs,
    maxEvents,
    maxBytes,
    'storage.maxBytes': storage?.maxBytes,
    'storage.overflowMaxBytes': storage?.overflowMaxBytes,
  })) {
    must(Number.isSafeInteger(value) && value > 0 && value < 2 ** 31, name, 'a whole number above 0')
  }
  must(/^\/[^?#]*$/.test(path), 'path', "a path such as '/v1/events'")
  let base: URL | undefined
  try {
    base = new URL(url, canRun() ? location.href.replace(/^blob:/, '') : 'http://localhost')
  } catch {}
  must(
    base && GIVEN.test(url) && RESOLVED.test(base.href),
    'url',
    `the server's address, such as 'https://t.example.com' or '/path', not '${url}'`,
  )
  return `${base.href.replace(/[?#].*$/, '').replace(/\/+$/, '')}${path}?key=${encodeURIComponent(key)}`
}

function must(holds: unknown, name: string, be: string): asserts holds {
  if (!holds) throw new TypeError(`lamplight: option '${name}' must be ${be}`)
}
