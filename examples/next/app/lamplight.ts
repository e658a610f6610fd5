// The app's one client, made when this module is first imported. While the server renders, it does nothing.
import { init } from 'lamplight'

/** What the app tracks: a misspelled name or property does not compile. */
export interface Events {
  signed_up: { plan: 'free' | 'pro' }
}

export const lamplight = init<Events>({
  // Next puts these into the page's script, so they must be spelled out.
  url: process.env.NEXT_PUBLIC_LAMPLIGHT_URL ?? '',
  key: process.env.NEXT_PUBLIC_LAMPLIGHT_KEY ?? '',
})
