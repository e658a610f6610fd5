// A client in the module, as the page's code holds it. A page begins with the first module; when
// the whole one has been fetched, it takes over, and nobody notices.
import { type Core, Host, type Listener } from 'lamplight:host'
import { instanceOf, type Make, type More, type Setup, start } from './glue.ts'

/** Starts a client: the first, or with `more` a whole one; and tells its producer. */
export function open(make: Make, setup: Setup, listener: Listener, more?: More): [core: Core, producer: string] {
  const host = new Host(setup[0], listener)
  host.whole = async () => {
    const { module, more } = await import('./full.js')
    const whole = instanceOf(await module)
    return (state) => {
      host.core = start(whole, host, setup, state, more)
    }
  }
  const first = start(make, host, setup, '', more)
  host.core = first
  // Nothing but what starting left to do.
  host.enter('')
  const core: Record<string, unknown> = {}
  // Whichever it is by then. No call has more than three.
  for (const name in first) core[name] = (a: unknown, b: unknown, c: unknown) => host.enter(name, a, b, c)
  return [core as unknown as Core, host.producer]
}
