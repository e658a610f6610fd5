// Tracks page views, including those of pages that change their address without a reload.

import { address } from '../address.ts'
import type { AnyLamplight } from '../types.ts'
import { watchAddress } from './history.ts'
import { listen } from './listen.ts'
import { whenTitled } from './title.ts'

/**
 * The last view of each client, so that watching again, as in React's strict mode, tracks no second
 * view.
 */
const lastViews = new WeakMap<object, string>()

export function watchPages(lamplight: AnyLamplight): () => void {
  let previous: string | undefined
  /** Tracks the view that waits for its title, if there is one. */
  let finish = (): void => {}
  const isPrerendered = (): boolean | undefined => (document as { prerendering?: boolean }).prerendering

  /** The address may have changed. `isReplaced` if the entry of the history is still the same. */
  const changed = (isReplaced?: boolean): void => {
    // A prerendered page may never be shown.
    if (isPrerendered()) return
    finish()
    const here = place()
    const url = address(location)
    // Search boxes replace the query with each letter.
    const isView = lastViews.get(lamplight) !== here && !(isReplaced && url === previous)
    lastViews.set(lamplight, here)
    if (isView) view(url)
    previous = url
  }
  const view = (url: string): void => {
    // The title of a page that was just loaded is its own.
    if (previous === undefined && document.title) {
      lamplight.page()
      return
    }
    const ts = Date.now()
    const properties = { url, path: location.pathname.slice(0, 500), ...(previous && { referrer: previous }) }
    finish = whenTitled(document.title, () => lamplight.page(properties, { ts }))
  }
  const back = ({ persisted }: PageTransitionEvent): void => {
    if (!persisted) return
    // The page came back from the back/forward cache, which is a view without a change of address.
    lastViews.delete(lamplight)
    previous = undefined
    changed()
  }
  const stops = [
    watchAddress(() => finish(), changed),
    listen(window, ['pageshow'], back),
    listen(document, ['prerenderingchange'], () => changed()),
    () => finish(),
  ]
  changed()
  return () => {
    for (const stop of stops) stop()
  }
}

/** What distinguishes one page from another: the hash only if it is a route. */
function place(): string {
  const { pathname, search, hash } = location
  return pathname + search + (/^#!?\//.test(hash) ? hash : '')
}
