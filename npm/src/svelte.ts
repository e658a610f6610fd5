/**
 * Lamplight in Svelte: a client in the context, and a store of its statistics. Call
 * `setLamplight(init({ url, key }))` in the root component, and
 * `const lamplight = getLamplight<Events>()` in any component below.
 *
 * @module lamplight/svelte
 */
import { getContext, hasContext, setContext } from 'svelte'
import { type Readable, readable } from 'svelte/store'
import type { AnyLamplight, Lamplight, Properties, Stats } from './types.ts'

const KEY = Symbol('lamplight')

/**
 * Provides a client to this component and all components inside. During server rendering the client
 * does nothing.
 */
export function setLamplight<Client extends AnyLamplight>(client: Client): Client {
  return setContext(KEY, client)
}

/** The client that a component above has set. Throws if there is none. */
export function getLamplight<Events extends object = Record<string, Properties>>(): Lamplight<Events> {
  if (!hasContext(KEY)) throw new Error('getLamplight: no component above has called setLamplight(client)')
  return getContext<Lamplight<Events>>(KEY)
}

/**
 * The client's `stats()`, updated when events are delivered, adopted or dropped, and on errors.
 * Reads nothing without a subscriber.
 */
export function lamplightStats(client: AnyLamplight): Readable<Stats> {
  return readable(client.stats(), (set) => {
    const update = (): void => set(client.stats())
    update()
    const offs = (['delivered', 'adopted', 'dropped', 'error'] as const).map((name) => client.on(name, update))
    return () => {
      for (const off of offs) off()
    }
  })
}
