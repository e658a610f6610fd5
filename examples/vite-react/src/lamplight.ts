// The app's one client, made when this module is first imported.
import { init } from 'lamplight'

/** What the app tracks: a misspelled name or property does not compile. */
interface Events {
  page: { path: string }
  signed_up: { plan: 'free' | 'pro' }
}

export const lamplight = init<Events>({
  url: import.meta.env.VITE_LAMPLIGHT_URL,
  key: import.meta.env.VITE_LAMPLIGHT_KEY,
})

let shown = ''

/** Counts a page view. React runs effects twice in strict mode, and a page that stays is not another view. */
export function countView(path: string): void {
  if (path === shown) return
  shown = path
  lamplight.page()
}
