// The app's only client, created when this module is first imported. During server rendering it
// does nothing.
import { init } from 'lamplight'

/** The app's events. A misspelled name or property does not compile. */
export interface Events {
  signed_up: { plan: 'free' | 'pro' }
}

export const lamplight = init<Events>({
  // Next replaces these in the page's script, so the names must be written out.
  url: process.env.NEXT_PUBLIC_LAMPLIGHT_URL ?? '',
  key: process.env.NEXT_PUBLIC_LAMPLIGHT_KEY ?? '',
})
