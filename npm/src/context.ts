// What every event says of its page: where it is, where its visitor came from, what it runs.
import type { Options, Properties } from './types.ts'

const CAMPAIGN = ['source', 'medium', 'campaign', 'term', 'content']

/** Makes the `context` object; the address may change while the page lives. */
export class Context {
  readonly #fixed: Properties | undefined
  #href: string | undefined

  constructor({ context, release, respectGpc = true }: Options) {
    if (context === false || !globalThis.location) return
    const { navigator, screen, document } = globalThis
    const gpc = respectGpc && (navigator as { globalPrivacyControl?: boolean })?.globalPrivacyControl === true
    this.#fixed = {
      release,
      locale: navigator?.language,
      screen: screen && `${screen.width}x${screen.height}`,
      // Without its query, which may carry what was searched for.
      referrer: document?.referrer.split('?')[0] || undefined,
      utm: campaign(globalThis.location.search),
      gpc: gpc || undefined,
      ...context,
    }
  }

  /** The context, if it is not what it was the last time. */
  changed(): Properties | undefined {
    // Asked for on every event, and the address is not free to read.
    if (!this.#fixed) return undefined
    const { href } = globalThis.location
    if (href === this.#href) return undefined
    this.#href = href
    const { origin, pathname, hash } = globalThis.location
    // Without the query, which may carry secrets, and of the hash only what is a route.
    return { page: origin + pathname + (hash.startsWith('#/') ? hash.split('?')[0] : ''), ...this.#fixed }
  }
}

/** The `utm_…` parameters of the address that the visit began with. */
function campaign(search: string): Properties | undefined {
  const given = new URLSearchParams(search)
  const found = CAMPAIGN.flatMap((name) => {
    const value = given.get(`utm_${name}`)
    return value ? [[name, value.slice(0, 200)]] : []
  })
  return found.length ? Object.fromEntries(found) : undefined
}
