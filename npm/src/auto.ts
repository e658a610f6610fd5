/**
 * What a page need not track by hand: page views, clicks on marked elements, errors, and web vitals.
 *
 * <!-- stores: page -->
 * ```ts
 * import { init } from 'lamplight'
 * import { auto } from 'lamplight/auto'
 *
 * const lamplight = init({ url: 'https://t.example.com', key: 'wk_try_me_now' })
 * const stop = auto(lamplight, { errors: { perMinute: 5 } })
 * ```
 *
 * Everything goes through the client that it is given, so consent, sampling and hooks apply as to any event.
 *
 * @module lamplight/auto
 */
import { watchClicks } from './auto/clicks.ts'
import { watchErrors } from './auto/errors.ts'
import { watchPages } from './auto/pages.ts'
import { type Vitals, watchVitals } from './auto/vitals.ts'
import type { AnyLamplight } from './types.ts'

export type { Vital, Vitals } from './auto/vitals.ts'

/** What is watched. */
export interface AutoOptions {
  /**
   * Tracks `page` at the start and whenever the address changes, by the Navigation API or, where there is none, the
   * history. A change of the hash alone counts if it is a route (`#/…`). Default true.
   */
  pages?: boolean
  /**
   * Tracks clicks on elements with `data-track="name"` and what is inside them; `data-track-plan="pro"` gives the property
   * `plan`. Nothing else is said of the element. Inside `data-track-ignore` nothing is tracked. Default true.
   */
  clicks?: boolean
  /**
   * Tracks uncaught errors and unhandled rejections as `error`: `message`, `kind`, `stack`, `source`, `line`, `column`. At most
   * `perMinute` (default 10); the next one says as `left_out` how many were not. Default true.
   */
  errors?: boolean | { perMinute?: number }
  /**
   * The `web-vitals` library, or what loads it: `() => import('web-vitals')`. Its measures are kept as metrics: timers
   * `web_vitals.lcp`, `.inp`, `.fcp`, `.ttfb`, and the gauge `web_vitals.cls`. Default: none are taken.
   */
  vitals?: Vitals | (() => Promise<Vitals>)
}

/** Watches the page, and returns what stops that. Where there is no page (Node, workers) it does nothing. */
export function auto(
  lamplight: AnyLamplight,
  { pages = true, clicks = true, errors = true, vitals }: AutoOptions = {},
): () => void {
  if (typeof window === 'undefined' || typeof document === 'undefined') return () => {}
  const stops: (() => void)[] = []
  if (pages) stops.push(watchPages(lamplight))
  if (clicks) stops.push(watchClicks(lamplight))
  if (errors) stops.push(watchErrors(lamplight, errors === true ? {} : errors))
  if (vitals) stops.push(watchVitals(lamplight, vitals))
  return () => {
    for (const stop of stops.splice(0)) stop()
  }
}
