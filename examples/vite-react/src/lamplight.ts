// The app's one client, made when this module is first imported.
import { init } from 'lamplight'

/** What the app tracks: a misspelled name or property does not compile. */
export interface Events {
  signed_up: { plan: 'free' | 'pro' }
}

export const lamplight = init<Events>({
  url: import.meta.env.VITE_LAMPLIGHT_URL,
  key: import.meta.env.VITE_LAMPLIGHT_KEY,
})
