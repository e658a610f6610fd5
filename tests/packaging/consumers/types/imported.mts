// Compiled, never run: code that uses every type that the package exports.
import {
  type AnyLamplight,
  type Consent,
  type DeclaredProperties,
  type Delivered,
  type Draft,
  type Dropped,
  type DroppedStats,
  type DropReason,
  type Failure,
  type FlushReason,
  init,
  type Lamplight,
  type LockPhase,
  type LockStats,
  type MetricOptions,
  type Monitor,
  type Notes,
  type Options,
  type OverflowStats,
  type PageProperties,
  type Plugin,
  type Properties,
  type Reason,
  type Report,
  type Stats,
  type TenureStats,
  type TrackArguments,
  type Tracked,
  type TrackOptions,
} from 'lamplight'
import { type AutoOptions, auto, type Vital, type Vitals } from 'lamplight/auto'
import { LamplightProvider, type LamplightProviderProps, useLamplight, useTrack } from 'lamplight/react'
import { load } from 'lamplight/slim'
import type { Early } from 'lamplight/snippet'
import { getLamplight, lamplightStats, setLamplight } from 'lamplight/svelte'
import { createLamplight, useLamplight as useVueLamplight } from 'lamplight/vue'
import { init as initInWorker } from 'lamplight/worker'

const consent: Consent = 'pending'
const withoutEmail = (event: Draft): Draft | null => (event.name === 'email_typed' ? null : event)
const options: Options = { url: 'https://t.example.com', key: 'wk_x', consent, beforeEnqueue: withoutEmail }
const lamplight: Lamplight = init(options)

const release: Plugin = {
  name: 'release',
  beforeEnqueue: (event) => ({ ...event, properties: { ...event.properties, release: 'v2' } }),
}
lamplight.use(release)

const monitor: Monitor = { kind: 'gauge', value: 3, unit: 'tabs' }
const critical: TrackOptions = { type: 'critical', monitor }
const properties: Properties = { plan: 'pro' }
const tracked: Tracked = lamplight.track('signed_up', properties, critical)
const inRegion: MetricOptions = { tags: { region: 'eu' }, unit: 'ms' }
lamplight.timing('load', 12, inRegion)

const textOf = (reason: Reason | undefined): string => (reason === 'consent_pending' ? 'waits' : 'kept')
const listeners: { [Name in keyof Notes]: (note: Notes[Name]) => void } = {
  delivered: ({ ids }: Delivered) => console.log(ids.length),
  adopted: ({ ids }: Delivered) => console.log(ids.length),
  dropped: ({ id, reason }: Dropped) => console.log(id, reason),
  error: ({ message, status }: Failure) => console.log(message, status),
}
lamplight.on('delivered', listeners.delivered)
lamplight.on('error', listeners.error)

export const early: Early = ['track', Date.now(), ['opened', { plan: 'pro' }]]

export async function end(): Promise<[Report, Stats, string]> {
  const slim: Lamplight = (await load('/lamplight.wasm'))(options)
  return [await slim.flush(), lamplight.stats(), textOf(tracked.reason)]
}

/** The parts of `stats()`, by their types. */
export function parts(stats: Stats): [OverflowStats, DroppedStats, LockStats, TenureStats | undefined] {
  const { dropped, lastFlush, lock, overflow } = stats
  const reason: DropReason = 'quota'
  const phase: LockPhase = lock.phase
  const flush: FlushReason | undefined = lastFlush
  if (dropped[reason] > 0 && phase === 'held' && flush === 'adopted') throw new Error(reason)
  return [overflow, dropped, lock, lock.history[0]]
}

interface Events {
  opened: Record<string, never>
  page: { area: string }
  signed_up: { plan: 'free' | 'pro' }
}

const typed = init<Events>(options)
const declared: DeclaredProperties<Events['signed_up']> = { plan: 'free' }
const arguments_: TrackArguments<Events['signed_up']> = [declared]
typed.track('signed_up', ...arguments_)
const area: PageProperties<Events> = { area: 'shop' }
typed.page(area)

const vitals: Vitals = {
  onLCP: (report) => report({ name: 'LCP', value: 900, rating: 'good', id: 'v1' } satisfies Vital),
}
const watched: AutoOptions = { errors: { perMinute: 5 }, vitals }
const watch = (client: AnyLamplight): (() => void) => auto(client, watched)

const props: LamplightProviderProps = { client: typed, watch }
export const element = LamplightProvider(props)
export const inReact = (): [Lamplight<Events>, Lamplight<Events>['track']] => [
  useLamplight<Events>(),
  useTrack<Events>(),
]

export const inVue = (): Lamplight<Events> => useVueLamplight<Events>()
export const plugin = createLamplight(typed)

export const inWorker: Lamplight<Events> = initInWorker<Events>(options)

export const inSvelte = (): Lamplight<Events> => getLamplight<Events>()
export const store = lamplightStats(setLamplight(typed))
