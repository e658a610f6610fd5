// What every event says of its page: where it is, where its visitor came from, now and the first time, what it runs.
import { landing } from 'lamplight:host'
import type { Options, Properties } from './types.ts'

/** Makes the `context` object; the address may change while the page lives. */
export class Context {
  readonly #namespace: string
  readonly #fixed: Properties | undefined
  /** What is known of this page as the one that the person was first seen on. */
  readonly #here: Properties | undefined
  /** The page that the person was first seen on. */
  #initial: Properties | undefined
  #href: string | undefined

  constructor({ context, release, respectGpc = true }: Options, namespace: string) {
    this.#namespace = namespace
    if (context === false || !globalThis.location) return
    const { navigator, screen, document } = globalThis
    const gpc = respectGpc && (navigator as { globalPrivacyControl?: boolean })?.globalPrivacyControl === true
    this.#fixed = {
      release,
      locale: navigator?.language,
      screen: screen && `${screen.width}x${screen.height}`,
      referrer: brief(document?.referrer ?? '') || undefined,
      utm: campaign(),
      gpc: gpc || undefined,
      ...context,
    }
    const { referrer, utm, initial } = this.#fixed
    // A worker's address is nowhere that anybody came to, and a page of this site nowhere that they came from.
    if (document && initial === undefined) {
      this.#here = {
        page: this.#fixed.page ?? page(),
        referrer: `${referrer}`.indexOf(`${location.origin}/`) ? referrer : undefined,
        utm,
      }
    }
  }

  /** The context, if it is not what it was the last time. */
  changed(): Properties | undefined {
    // Asked for on every event, and the address is not free to read.
    if (!this.#fixed) return undefined
    const { href } = location
    if (href === this.#href) return undefined
    this.#href = href
    this.learn()
    return { page: page(), initial: this.#initial, ...this.#fixed }
  }

  /** Learns on which page the person was first seen: this one, if no page before has kept itself. */
  learn(): void {
    if (this.#here) this.#initial ??= landing(this.#namespace, this.#here)
  }

  /** Has later events be somebody else's. */
  forget(): void {
    landing(this.#namespace)
    this.#initial = this.#href = undefined
  }
}

/** Of the hash only what is a route. */
function page(): string {
  const { origin, pathname, hash } = location
  return brief(origin + pathname + (hash.startsWith('#/') ? hash : ''))
}

/** An address without its query, which may carry secrets or what was searched for; and no longer than what every event can carry. */
function brief(address: string): string {
  return address.replace(/\?.*$/s, '').slice(0, 500)
}

/** The `utm_…` parameters of the address that the visit began with. */
function campaign(): Properties | undefined {
  // Most addresses have none.
  if (!location.search) return undefined
  const given = new URLSearchParams(location.search)
  let found: Properties | undefined
  for (const name of ['source', 'medium', 'campaign', 'term', 'content']) {
    const value = given.get(`utm_${name}`)
    if (value) found = { ...found, [name]: value.slice(0, 200) }
  }
  return found
}
