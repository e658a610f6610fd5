// Compiled, never run: what the declared types accept and reject.
import { init, type Report, type Tracked } from 'lamplight'

interface Events {
  [name: string]: object
  signed_up: { plan: 'free' | 'pro'; seats?: number }
  left: Record<string, never>
}

const typed = init<Events>({ url: 'https://t.example.com', key: 'wk_x' })
const tracked: Tracked = typed.track('signed_up', { plan: 'pro' })
typed.track('signed_up', { plan: 'free', seats: 3 }, { type: 'critical', user: { id: 7 } })
// @ts-expect-error: no such plan
typed.track('signed_up', { plan: 'gold' })
// @ts-expect-error: the plan is missing
typed.track('signed_up', { seats: 3 })
// @ts-expect-error: no such type
typed.track('signed_up', { plan: 'pro' }, { type: 'urgent' })

const loose = init({ url: 'https://t.example.com', key: 'wk_x', storage: { maxBytes: 1_000 }, liveness: 'beat' })
loose.track('alone')
loose.track('anything', { at: 'all', nested: { a: [1, null] } })
loose.increment('clicks', 2, { tags: { page: 'home' } })
loose.gauge('tabs', 3)
const stop: () => Tracked = loose.timer('load', { unit: 'ms' })
const report: Promise<Report> = loose.flush()
const off: () => void = loose.on('dropped', ({ id, reason }) =>
  console.log(id, reason satisfies 'quota' | 'rejected' | 'too_large' | 'opted_out'),
)
// @ts-expect-error: there is no such note
loose.on('lost', () => {})
// @ts-expect-error: a key is required
init({ url: 'https://t.example.com' })
console.log(tracked.id, tracked.seq, tracked.stored, stop, report, off)
