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

/** Clients by the function that creates them, because React's strict mode renders twice. */
const made = new WeakMap<() => AnyLamplight, AnyLamplight>()

/** The properties of the provider. */
export interface LamplightProviderProps {
  /**
   * A client, or a function, defined outside of any component, that creates one. The function is
   * called once, at the first render. During server rendering the client does nothing.
   */
  client: AnyLamplight | (() => AnyLamplight)
  /**
   * A function, defined outside of any component, that starts watching when this is mounted and
   * returns a function that stops it: `const watch = (client) => auto(client)`, with `auto` of
   * `lamplight/auto`. When strict mode mounts twice, no page view is counted twice.
   */
  watch?: ((client: AnyLamplight) => () => void) | undefined
  children?: ReactNode | undefined
}

/** Provides a client to all components inside. */
export function LamplightProvider({ client, watch, children }: LamplightProviderProps): ReactElement {
  const given = typeof client === 'function' ? once(client) : client
  useEffect(() => watch?.(given), [given, watch])
  return createElement(Given.Provider, { value: given }, children)
}

/** The client of the nearest provider above. Throws if there is none. */
export function useLamplight<Events extends object = Record<string, Properties>>(): Lamplight<Events> {
  const client = useContext(Given)
  if (!client) throw new Error('useLamplight: there is no <LamplightProvider> above this component')
  return client
}

/** The client's `track`, which stays the same function while the client stays the same. */
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
