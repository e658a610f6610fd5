// What every event says about its page: its address, the visitor's origin now and at the first
// visit, and the app's version.
import { address, brief } from './address.ts'
import { firstPage } from './first_page.ts'
import { objectJson, PROPERTIES_BYTES_MAX } from './json.ts'
import type { Options, Properties } from './types.ts'

/** Makes the `context` object. The page's address may change during its life. */
export class Context {
  readonly #namespace: string
  readonly #fixed: Properties | undefined
  /**
   * What to remember if this is the first page that the user was seen on. `false` if nobody visits
   * this page.
   */
  readonly #here: Properties | false | undefined
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
      referrer: brief(document?.referrer) || undefined,
      utm: campaign(),
      gpc: gpc || undefined,
      ...context,
    }
    const { referrer, utm, initial } = this.#fixed
    // Nobody visits the address of a worker, a frame, `about:blank` or a file, and a referrer of
    // this site is not where the visitor came from.
    if (document && initial === undefined) {
      this.#here = globalThis.parent === (globalThis as unknown) &&
        /^http/.test(location.href) && {
          page: this.#fixed.page ?? address(location),
          referrer: `${referrer}`.indexOf(`${location.origin}/`) ? referrer : undefined,
          utm,
        }
    }
  }

  /** The page's address; undefined where there is none. */
  get place(): Location | URL {
    return this.at ? new URL(this.at) : globalThis.location
  }

  /** The context without the first page, if it has changed since the last call. */
  changed(): Properties | undefined {
    if (!this.#fixed) return undefined
    // Called for every event. Reading `location.href` takes ten times as long. Workers have no
    // document.
    const href = this.at ?? globalThis.document?.URL ?? location.href
    if (href === this.#href) return undefined
    this.#href = isPrerendering() ? '' : href
    return { page: address(this.place), ...this.#fixed }
  }

  /** The text of a context with the first page, which needs consent. */
  withFirstPage(json: string): string {
    this.learn()
    const initial = json && objectJson('context', this.#initial, () => {})
    const text = initial && `{"initial":${initial},${json.slice(1)}`
    // The server stores no larger context, and what the page says now comes before its first visit.
    return text && text.length <= PROPERTIES_BYTES_MAX ? text : json
  }

  /** Reads the first page that the user was seen on; stores this page if there is none. */
  learn(): void {
    if (this.#here !== undefined) this.#initial ??= firstPage(this.#namespace, !isPrerendering() && this.#here)
  }

  /** Forgets the first page, because later events belong to another user. */
  forget(): void {
    firstPage(this.#namespace)
    this.#initial = this.#href = undefined
  }
}

/** Whether this page is not shown yet. Then it becomes a visit later, with the same address. */
function isPrerendering(): boolean | undefined {
  return globalThis.document?.['prerendering' as 'hidden']
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
