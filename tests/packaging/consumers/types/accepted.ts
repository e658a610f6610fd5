// Compiled, never run, with each way to resolve modules: what calls the types accept and reject.
import { init, type Lamplight, type Options, type Plugin, type TrackOptions } from 'lamplight'
import { type AutoOptions, auto } from 'lamplight/auto'
import { LamplightProvider, useTrack } from 'lamplight/react'
import { load } from 'lamplight/slim'
import type { Early } from 'lamplight/snippet'
import { lamplightStats } from 'lamplight/svelte'
import { createLamplight } from 'lamplight/vue'

// Interfaces have no index signature.
interface Plan {
  name: string
  seats?: number
}
interface Purchase {
  plan: Plan
  readonly total: number
}
// biome-ignore lint/suspicious/noEmptyInterface: what the test is about.
interface Left {}
type Events = {
  bought: Purchase
  any: object
  anything: unknown
  // biome-ignore lint/complexity/noBannedTypes: what the documentation shows for an event without properties.
  left: {}
  closed: Left
  // biome-ignore lint/complexity/noBannedTypes: as above.
  page: {}
}
declare const plan: Plan
declare const purchase: Purchase
declare const list: readonly string[]

const plain = init({ url: 'https://t.example.com', key: 'wk_x', context: plan })
plain.track('bought', purchase)
plain.page(plan)
plain.identify('u-1', plan)
plain.increment('clicks', 1, { properties: purchase })
plain.track('measured', {}, { monitor: { kind: 'gauge', value: 1, plan } })
// @ts-expect-error: a list has no names
plain.track('bought', list)
// @ts-expect-error: a text has no names
plain.track('bought', 'pro')

const typed = init<Events>({ url: 'https://t.example.com', key: 'wk_x' })
typed.track('bought', purchase)
typed.track('any', purchase)
typed.track('anything', purchase)
// @ts-expect-error: the total is missing
typed.track('bought', { plan })
// @ts-expect-error: no such property
typed.track('bought', { plan, total: 1, extra: true })

typed.track('left')
typed.track('left', {})
typed.track('left', undefined, { ts: 1 })
typed.track('closed')
typed.page()
// @ts-expect-error: it has no properties
typed.track('left', { extra: true })
// @ts-expect-error: it has no properties
typed.track('left', plan)
// @ts-expect-error: neither has an empty interface
typed.track('closed', { extra: true })
// @ts-expect-error: nor does this page
typed.page({ extra: true })

// With `exactOptionalPropertyTypes`, what may be missing may also be undefined.
declare const maybe: {
  text: string | undefined
  count: number | undefined
  flag: boolean | undefined
  hook: Options['beforeEnqueue']
  send: Options['beforeSend']
  storage: Options['storage']
  consent: Options['consent']
  context: Options['context']
  liveness: Options['liveness']
  vitals: AutoOptions['vitals']
  tags: Record<string, string> | undefined
  plan: Plan | undefined
}
const { text, count, flag, hook, tags } = maybe
const options: Options = {
  url: 'https://t.example.com',
  key: 'wk_x',
  path: text,
  intervalMs: count,
  maxEvents: count,
  maxBytes: count,
  namespace: text,
  liveness: maybe.liveness,
  storage: maybe.storage ?? { maxBytes: count, overflowMaxBytes: count },
  consent: maybe.consent,
  respectGpc: flag,
  sampleRate: count,
  release: text,
  context: maybe.context,
  debug: flag,
  beforeEnqueue: hook,
  beforeSend: maybe.send,
} satisfies { [Name in keyof Required<Options>]: unknown }
const ofEvent: TrackOptions = { type: undefined, ts: count, monitor: undefined, user: { id: text, anonymous_id: text } }
plain.track('opened', maybe.plan, ofEvent)
plain.timing('load', 1, { unit: text, tags, properties: maybe.plan, ts: count, user: undefined })
const plugin: Plugin = { name: 'maybe', setup: undefined, beforeEnqueue: hook }
plain.use(plugin)
const watched: AutoOptions = { pages: flag, clicks: flag, errors: flag ?? { perMinute: count }, vitals: maybe.vitals }
auto(plain, watched)
LamplightProvider({ client: typed, watch: undefined, children: undefined })

export const parts: [typeof load, typeof useTrack<Events>, Early] = [load, useTrack<Events>, ['track', 0, []]]
export const stats = lamplightStats(init(options))
export const inVue = createLamplight(typed satisfies Lamplight<Events>)
