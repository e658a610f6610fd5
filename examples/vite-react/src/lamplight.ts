// The app's only client, created when this module is first imported.
import { init } from 'lamplight'

/** The app's events. A misspelled name or property does not compile. */
export interface Events {
  signed_up: { plan: 'free' | 'pro' }
}

export const lamplight = init<Events>({
  url: import.meta.env.VITE_LAMPLIGHT_URL,
  key: import.meta.env.VITE_LAMPLIGHT_KEY,
})
