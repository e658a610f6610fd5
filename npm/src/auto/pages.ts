// Page views, also of pages that change their address without loading anew.

import type { AnyLamplight } from '../types.ts'
import { listen } from './listen.ts'

/** The last view of each client: who starts to watch again, as React does in its strict mode, sees nothing new. */
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
    // Somebody sees it again, though no address changed.
    lastViews.delete(lamplight)
    view()
  }
  const stops = [watchAddress(view), listen(window, ['pageshow'], back)]
  // Rendered ahead, for a visit that may never come.
  const { prerendering } = document as { prerendering?: boolean }
  if (prerendering) stops.push(listen(document, ['prerenderingchange'], view))
  else view()
  return () => {
    for (const stop of stops) stop()
  }
}

/** What tells one page from another: not the hash, unless it is a route. */
function place(): string {
  const { pathname, search, hash } = location
  return pathname + search + (/^#!?\//.test(hash) ? hash : '')
}

/** Calls `changed` when the address may be another. */
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
    // Somebody else may have wrapped ours; then it stays, and only passes on.
    if (history[name] === followed) history[name] = own
  }
}
