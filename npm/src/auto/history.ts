// Notices when a page changes its address, with the Navigation API or, where there is none, the
// History API.
import { listen } from './listen.ts'

/**
 * Calls `changing` before the address changes, where that can be known, and `changed` after it may
 * have changed. `isReplaced` is whether the page replaced the current entry of the history.
 */
export function watchAddress(changing: () => void, changed: (isReplaced: boolean) => void): () => void {
  const { navigation } = globalThis as { navigation?: EventTarget }
  const stops = navigation
    ? [
        listen(navigation, ['navigate'], changing),
        listen<Event & { navigationType?: string }>(navigation, ['currententrychange'], ({ navigationType }) =>
          changed(navigationType === 'replace'),
        ),
      ]
    : [
        listen(window, ['popstate', 'hashchange'], () => changed(false)),
        follow('pushState', changing, () => changed(false)),
        follow('replaceState', changing, () => changed(true)),
      ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** Calls `before` and `after` around each call of a method of the history. */
function follow(name: 'pushState' | 'replaceState', before: () => void, after: () => void): () => void {
  const own = history[name]
  let isOver = false
  const followed: History['pushState'] = (...given) => {
    if (!isOver) before()
    own.apply(history, given)
    if (!isOver) after()
  }
  history[name] = followed
  return () => {
    isOver = true
    // Other code may have wrapped this function. Then it stays, and only passes calls on.
    if (history[name] === followed) history[name] = own
  }
}
