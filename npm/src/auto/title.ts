// Waits for a page's title, which frameworks set after they have changed the address.
import { listen } from './listen.ts'

/** How long a title may stay as it is. */
const WAIT_MS = 1_000

/**
 * Calls `done` once: when the title has changed from `before`, or after a second, or before the
 * user clicks on the page or the page may go away. Returns a function that calls it now, if it was
 * not called yet.
 */
export function whenTitled(before: string, done: () => void): () => void {
  let isDone = false
  const finish = (): void => {
    if (isDone) return
    isDone = true
    observer.disconnect()
    clearTimeout(timer)
    stop()
    done()
  }
  const observer = new MutationObserver(() => {
    // Frameworks may remove the old title before they add the new one.
    if (document.title && document.title !== before) finish()
  })
  observer.observe(document.head ?? document, { subtree: true, childList: true, characterData: true })
  const timer = setTimeout(finish, WAIT_MS)
  const leave = (): void => {
    if (document.hidden) finish()
  }
  // On the window and captured, so before the page's listeners, and mostly before the client sends
  // what it has.
  const stops = [
    listen(window, ['click', 'auxclick', 'pagehide', 'freeze'], finish, true),
    listen(window, ['visibilitychange'], leave, true),
  ]
  const stop = (): void => {
    for (const stop of stops) stop()
  }
  return finish
}
