// The connection from the package's client to the module's client. A page begins with the first
// client; once the full client has loaded, it takes over, invisibly for the page.
import { type Core, Host, type Listener } from 'lamplight:host'
import { type FullGlue, instanceOf, type Make, type Setup, start } from './glue.ts'

/** Starts the first client, or with `fullGlue` a full one, and returns it with its producer. */
export function open(
  make: Make,
  setup: Setup,
  listener: Listener,
  fullGlue?: FullGlue,
): [core: Core, producer: string] {
  const host = new Host(setup[0], listener)
  host.fetchFullClient = async () => {
    const { module, fullGlue } = await import('./full.js')
    const full = instanceOf(await module)
    return (state) => {
      host.core = start(full, host, setup, state, fullGlue)
    }
  }
  const first = start(make, host, setup, '', fullGlue)
  host.core = first
  // Runs the jobs that `start` queued.
  host.enter('')
  const core: Record<string, unknown> = {}
  // Calls go to the client that is current at that time. None has more than three arguments.
  for (const name in first) core[name] = (a: unknown, b: unknown, c: unknown) => host.enter(name, a, b, c)
  return [core as unknown as Core, host.producer]
}
