/**
 * Lamplight in Svelte: a client in the context, and a store of how things stand. Call `setLamplight(init({ url, key }))` in the root
 * component, `const lamplight = getLamplight<Events>()` in any below.
 *
 * @module lamplight/svelte
 */
import { getContext, hasContext, setContext } from 'svelte'
import { type Readable, readable } from 'svelte/store'
import type { AnyLamplight, Lamplight, Properties, Stats } from './types.ts'

const KEY = Symbol('lamplight')

/** Gives a client to this component and everything inside. In server rendering the client does nothing. */
export function setLamplight<Client extends AnyLamplight>(client: Client): Client {
  return setContext(KEY, client)
}

/** The client that a component above has set. Throws where there is none. */
export function getLamplight<Events extends object = Record<string, Properties>>(): Lamplight<Events> {
  if (!hasContext(KEY)) throw new Error('getLamplight: no component above has called setLamplight(client)')
  return getContext<Lamplight<Events>>(KEY)
}

/** The client's `stats()`, as of the last note that it gave; nothing is asked for while nobody subscribes. */
export function lamplightStats(client: AnyLamplight): Readable<Stats> {
  return readable(client.stats(), (set) => {
    const tell = (): void => set(client.stats())
    tell()
    const offs = (['delivered', 'adopted', 'dropped', 'error'] as const).map((name) => client.on(name, tell))
    return () => {
      for (const off of offs) off()
    }
  })
}
