// Compiled, never run: a map of events types every call that names an event.
import { type AnyLamplight, init, type Lamplight, type Plugin } from 'lamplight'

type Events = {
  signed_up: { plan: 'free' | 'pro'; seats?: number }
  searched: { words?: string }
  // biome-ignore lint/complexity/noBannedTypes: what the documentation shows for an event without properties.
  left: {}
  page: { section: 'shop' | 'help' }
}

const lamplight = init<Events>({ url: 'https://t.example.com', key: 'wk_x', consent: 'pending' })

lamplight.track('signed_up', { plan: 'pro' })
lamplight.track('signed_up', { plan: 'pro', seats: 3 }, { type: 'critical' })
// @ts-expect-error: the properties are missing, and one is required
lamplight.track('signed_up')
// @ts-expect-error: only the required property is missing
lamplight.track('signed_up', {})
// @ts-expect-error: no such plan
lamplight.track('signed_up', { plan: 'gold' })
// @ts-expect-error: no such property
lamplight.track('signed_up', { plan: 'pro', colour: 'red' })
// @ts-expect-error: no such event
lamplight.track('signed_out')

// These have no required properties.
lamplight.track('searched')
lamplight.track('searched', { words: 'lamp' })
lamplight.track('searched', undefined, { ts: 1 })
lamplight.track('left')
// @ts-expect-error: of another type
lamplight.track('searched', { words: 3 })

lamplight.page()
lamplight.page({ section: 'help' })
// @ts-expect-error: no such section
lamplight.page({ section: 'cellar' })
// biome-ignore lint/complexity/noBannedTypes: what the documentation shows for an event without properties.
init<{ opened: {} }>({ url: '/', key: 'wk_x' }).page({ any: 'thing' })

// An interface works, too, and such a client is accepted wherever any client is.
interface Opened {
  opened: { at: number }
}
const opened = init<Opened>({ url: '/', key: 'wk_x' })
opened.track('opened', { at: 1 })
// @ts-expect-error: unknown
opened.track('closed', { at: 1 })
const any: AnyLamplight = opened
const watch: Plugin = { name: 'watch', setup: (client) => void client.track('anything', { at: 'all' }) }
lamplight.use(watch)

// A variable of the same type can be assigned later.
let later: Lamplight<Events> | undefined
export function fill(): void {
  later = lamplight
  later.track('left')
}

lamplight.setConsent('denied')
// @ts-expect-error: no such state
lamplight.setConsent('maybe')
lamplight.forget()
lamplight.identify(7, { plan: 'pro' })
// @ts-expect-error: an id is required
lamplight.identify()
console.log(any)
