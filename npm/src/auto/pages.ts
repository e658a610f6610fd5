// Tracks page views, including those of pages that change their address without a reload.

import type { AnyLamplight } from '../types.ts'
import { listen } from './listen.ts'

/**
 * The last view of each client, so that watching again, as in React's strict mode, tracks no second
 * view.
 */
const lastViews = new WeakMap<object, string>()

export function watchPages(lamplight: AnyLamplight): () => void {
  let previous: string | undefined
  const view = (): void => {
    const here = place()
    if (lastViews.get(lamplight) !== here) {
      lastViews.set(lamplight, here)
      lamplight.page(previous === undefined ? undefined : { referrer: previous })
    }
    previous = location.href
  }
  const back = ({ persisted }: PageTransitionEvent): void => {
    if (!persisted) return
    // The page came back from the back/forward cache, which is a view without a change of address.
    lastViews.delete(lamplight)
    view()
  }
  const stops = [watchAddress(view), listen(window, ['pageshow'], back)]
  // A prerendered page may never be shown.
  const { prerendering } = document as { prerendering?: boolean }
  if (prerendering) stops.push(listen(document, ['prerenderingchange'], view))
  else view()
  return () => {
    for (const stop of stops) stop()
  }
}

/** What distinguishes one page from another: the hash only if it is a route. */
function place(): string {
  const { pathname, search, hash } = location
  return pathname + search + (/^#!?\//.test(hash) ? hash : '')
}

/** Calls `changed` when the address may have changed. */
function watchAddress(changed: () => void): () => void {
  const { navigation } = globalThis as { navigation?: EventTarget }
  if (navigation) return listen(navigation, ['currententrychange'], changed)
  const stops = [
    listen(window, ['popstate', 'hashchange'], changed),
    follow('pushState', changed),
    follow('replaceState', changed),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** Calls `changed` after each call of a method of the history. */
function follow(name: 'pushState' | 'replaceState', changed: () => void): () => void {
  const own = history[name]
  let isOver = false
  const followed: History['pushState'] = (...given) => {
    own.apply(history, given)
    if (!isOver) changed()
  }
  history[name] = followed
  return () => {
    isOver = true
    // Other code may have wrapped this function. Then it stays, and only passes calls on.
    if (history[name] === followed) history[name] = own
  }
}
