// What every event says about its page: its address, the visitor's origin now and at the first
// visit, and the app's version.
import { firstPage } from './first_page.ts'
import { objectJson } from './json.ts'
import type { Options, Properties } from './types.ts'

/** Makes the `context` object. The page's address may change during its life. */
export class Context {
  readonly #namespace: string
  readonly #fixed: Properties | undefined
  /** What to remember if this is the first page that the user was seen on. */
  readonly #here: Properties | undefined
  /** The first page that the user was seen on. */
  #initial: Properties | undefined
  #href: string | undefined
  /** The page's address at the time of a call that is repeated later. */
  at: string | undefined

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
    // Nobody visits a worker's address, and a referrer of this site is not where the visitor came
    // from.
    if (document && initial === undefined) {
      this.#here = {
        page: this.#fixed.page ?? page(location.href),
        referrer: `${referrer}`.indexOf(`${location.origin}/`) ? referrer : undefined,
        utm,
      }
    }
  }

  /** The context without the first page, if it has changed since the last call. */
  changed(): Properties | undefined {
    // Called for every event, and reading the address has a cost.
    if (!this.#fixed) return undefined
    const href = this.at ?? location.href
    if (href === this.#href) return undefined
    this.#href = href
    return { page: page(href), ...this.#fixed }
  }

  /** The text of a context with the first page, which needs consent. */
  withFirstPage(json: string): string {
    this.learn()
    const initial = json && objectJson('context', this.#initial, () => {})
    return initial ? `{"initial":${initial},${json.slice(1)}` : json
  }

  /** Reads the first page that the user was seen on; stores this page if there is none. */
  learn(): void {
    if (this.#here) this.#initial ??= firstPage(this.#namespace, this.#here)
  }

  /** Forgets the first page, because later events belong to another user. */
  forget(): void {
    firstPage(this.#namespace)
    this.#initial = this.#href = undefined
  }
}

/** The page's address; of the hash only a route. */
function page(href: string): string {
  const { origin, pathname, hash } = new URL(href)
  return brief(origin + pathname + (hash.startsWith('#/') ? hash : ''))
}

/**
 * An address without its query, which may contain secrets or search terms, cut to 500 characters.
 */
function brief(address: string): string {
  return address.replace(/\?.*$/s, '').slice(0, 500)
}

/** The `utm_…` parameters of the first address of the visit. */
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
