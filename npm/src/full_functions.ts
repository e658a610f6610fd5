// The functions of a full client's module. In the translated client's bundle, it is the module that
// wasm2js translated.
import {
  client_abandon as abandon,
  client_close as close,
  client_consent as consent,
  client_context as context,
  client_flush as flush,
  client_identify as identify,
  client_queued as queued,
  client_start as start,
  client_stats as stats,
  client_take_over as takeOver,
  client_track as track,
  client_withdraw as withdraw,
} from 'lamplight:full'
import type { CoreModule } from './core.ts'
import { copyDenial, recallDenial } from './denial_copy.ts'
import type { NoteReport, Stats } from './generated/reports.ts'
import type { NoteListeners } from './notes.ts'
import { reportStranded } from './stranded.ts'

/** What a full client calls: `sdk-wasm/src/browser/listener.rs`. */
export interface FullListener {
  run(work: () => void): void
  started(producer: string): void
  sending(bytes: number): boolean
  closed(stats: Stats): void
  note(note: NoteReport): void
}

export const functions: CoreModule & Required<Pick<CoreModule, 'takeOver'>> = {
  start: (listeners, ...setup) => started(start(listener(listeners), ...setup), listeners, setup[2]),
  takeOver(listeners, state, releaseLock, ...setup) {
    try {
      return started(takeOver(listener(listeners), state, releaseLock, ...setup), listeners, setup[1])
    } catch (error) {
      // No client holds the page's Web Lock then, so other tabs may send its events.
      releaseLock?.()
      throw error
    }
  },
  track,
  context,
  identify,
  consent(client) {
    copyDenial(namespaces[client] as string, false)
    return consent(client)
  },
  withdraw(client, forgets) {
    copyDenial(namespaces[client] as string, true)
    return withdraw(client, forgets)
  },
  flush,
  queued,
  stats,
  close,
  abandon,
}

/** The namespaces of the clients, by their numbers. */
const namespaces: string[] = []

/** What a client does once, after its start. */
function started(client: number, listeners: NoteListeners, namespace: string): number {
  namespaces[client] = namespace
  // In tasks of their own, when the page's listeners are there.
  recallDenial(namespace, listeners, () => listeners.run(() => withdraw(client, false)))
  setTimeout(() => reportStranded(namespace, (message) => listeners.emit('error', { message })))
  return client
}

function listener(listeners: NoteListeners): FullListener {
  return {
    run: (work) => listeners.run(work),
    started: (producer) => listeners.started(producer),
    sending: (bytes) => listeners.sending(bytes),
    closed: (stats) => listeners.closed(stats),
    note(note) {
      if (note.kind === 'delivered' || note.kind === 'adopted') listeners.accepted(note.kind, note.delivered)
      else if (note.kind === 'dropped') listeners.drop(note.dropped)
      else if (note.kind === 'failed') listeners.failed(note.status, note.waitMs)
      else if (note.kind === 'flushed') listeners.flush(note.report)
      else listeners.withdrawn()
    },
  }
}
