/**
 * Tracks page views, clicks on marked elements, errors, and web vitals automatically.
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
 * All events go through the client that you pass, so consent, sampling and hooks apply to them.
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
   * Tracks `page` at the start and on each change of the address, detected with the Navigation API
   * or, where there is none, the History API. A change of only the hash counts if it is a route
   * (`#/…`). `replaceState` counts if it changes the path or the route, not if it only changes the
   * query, as search boxes do with each letter. After a change, a view waits up to a second for the
   * page's new title, unless the user clicks or the page goes away. Default true.
   */
  pages?: boolean | undefined
  /**
   * Tracks clicks on elements with `data-track="name"` and on their content;
   * `data-track-plan="pro"` adds the property `plan`. Nothing else about the element is recorded.
   * Inside `data-track-ignore` nothing is tracked. A click on a label also clicks its control: if
   * the label's click is tracked, the control's is not. Default true.
   */
  clicks?: boolean | undefined
  /**
   * Tracks uncaught errors and unhandled rejections as `error` with `message`, `type` (the name of
   * the error or class), `kind` (`error` or `unhandledrejection`), `stack`, `causes`, `errors` (of
   * an `AggregateError`), `source`, `line` and `column`, at most `perMinute` (default 10). The next
   * one reports in `left_out` how many were skipped. Addresses in these texts have no query and no
   * fragment. Default true.
   */
  errors?: boolean | { perMinute?: number | undefined } | undefined
  /**
   * The `web-vitals` library, or a function that loads it: `() => import('web-vitals')`. Its
   * measurements become metrics: timers `web_vitals.lcp`, `.inp`, `.fcp`, `.ttfb`, and the gauge
   * `web_vitals.cls`. Default: none.
   */
  vitals?: Vitals | (() => Promise<Vitals>) | undefined
}

/**
 * Watches the page, and returns a function that stops watching. Does nothing where there is no
 * page, as in Node and workers.
 */
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
