// The first client's module, which every page downloads.
import {
  client_abandon as abandon,
  client_close as close,
  client_consent as consent,
  client_context as context,
  client_flush as flush,
  client_identify as identify,
  initSync,
  client_queued as queued,
  client_start as start,
  client_stats as stats,
  client_successor_loaded as successorLoaded,
  client_track as track,
  client_withdraw as withdraw,
} from 'lamplight:first'
import type { CoreModule } from './core.ts'

const first: CoreModule = {
  start,
  track,
  context,
  identify,
  consent,
  withdraw,
  flush,
  queued,
  stats,
  close,
  abandon,
  successorLoaded,
  successor: () => import('./full.js'),
}

/** The functions of the first client, in an instance of its compiled module. */
export function instantiate(module: WebAssembly.Module): CoreModule {
  initSync({ module })
  return first
}
