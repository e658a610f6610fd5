/**
 * Lamplight in React.
 *
 * <!-- stores: signed_up; click: button -->
 * ```tsx
 * import { createRoot } from 'react-dom/client'
 * import { init } from 'lamplight'
 * import { LamplightProvider, useTrack } from 'lamplight/react'
 *
 * type Events = { signed_up: { plan: string } }
 * const lamplight = init<Events>({ url: 'https://t.example.com', key: 'wk_try_me_now' })
 *
 * function SignUp() {
 *   const track = useTrack<Events>()
 *   return <button onClick={() => track('signed_up', { plan: 'pro' })}>Sign up</button>
 * }
 * createRoot(document.body.appendChild(document.createElement('main'))).render(
 *   <LamplightProvider client={lamplight}><SignUp /></LamplightProvider>,
 * )
 * ```
 *
 * @module lamplight/react
 */
'use client'
import { createContext, createElement, type ReactElement, type ReactNode, useContext, useEffect, useMemo } from 'react'
import type { AnyLamplight, Lamplight, Properties } from './types.ts'

const Given = createContext<AnyLamplight | undefined>(undefined)

/** Clients by what makes them: React renders twice in its strict mode, and there is to be one client. */
const made = new WeakMap<() => AnyLamplight, AnyLamplight>()

/** What a provider takes. */
export interface LamplightProviderProps {
  /**
   * A client; or a function outside of any component that makes one, which is called once, when first rendered. In server
   * rendering the client does nothing.
   */
  client: AnyLamplight | (() => AnyLamplight)
  /**
   * What to watch from when this is mounted until it is unmounted, outside of any component: `const watch = (client) =>
   * auto(client)`, with `auto` of `lamplight/auto`. Mounted again in strict mode, no page view is counted twice.
   */
  watch?: (client: AnyLamplight) => () => void
  children?: ReactNode
}

/** Gives a client to everything inside. */
export function LamplightProvider({ client, watch, children }: LamplightProviderProps): ReactElement {
  const given = typeof client === 'function' ? once(client) : client
  useEffect(() => watch?.(given), [given, watch])
  return createElement(Given.Provider, { value: given }, children)
}

/** The client of the provider above. Throws where there is none. */
export function useLamplight<Events extends object = Record<string, Properties>>(): Lamplight<Events> {
  const client = useContext(Given)
  if (!client) throw new Error('useLamplight: there is no <LamplightProvider> above this component')
  return client
}

/** The client's `track`; the same function as long as the client is the same. */
export function useTrack<Events extends object = Record<string, Properties>>(): Lamplight<Events>['track'] {
  const client = useLamplight<Events>()
  return useMemo(() => client.track.bind(client) as Lamplight<Events>['track'], [client])
}

function once(make: () => AnyLamplight): AnyLamplight {
  let client = made.get(make)
  if (!client) {
    client = make()
    made.set(make, client)
  }
  return client
}
