// Notes from the module, in the form that the page's listeners get.

import { DROP_REASONS, type DropReason } from './generated/codes.ts'
import type { Stats } from './generated/reports.ts'
import { messageOf } from './json.ts'
import type { Consent, Delivered, Dropped, Notes, Options, Report } from './types.ts'

/** The page's listeners, and the promises that wait for a note. */
export class NoteListeners {
  readonly #beforeSend: Options['beforeSend']
  readonly #withdrawn: () => void
  #listeners = new Map<keyof Notes, Set<(note: never) => void>>()
  #flushes: ((report: Report) => void)[] = []
  #waiting = new Map<string, (error?: Error) => void>()
  /** This page's producer, once a client has started. */
  producer = ''
  /** What this page's code said about consent last. */
  consent: Consent | undefined
  /** Calls `work`, and ends the client if that throws. */
  run!: (work: () => void) => void
  /** Loads the full client. */
  load!: () => void
  /** Continues with the full client from a state. */
  takeOver!: (state: string, releaseLock?: () => void) => void
  /** Warns a developer about notes that mean a mistake, once it has loaded. */
  warn?: Promise<(note: object) => void>
  /** The client has ended, with these last `stats()`. */
  closed!: (stats: string | Stats) => void

  /** `withdrawn` is called when consent was withdrawn, here or in another tab. */
  constructor(beforeSend: Options['beforeSend'], withdrawn: () => void) {
    this.#beforeSend = beforeSend
    this.#withdrawn = withdrawn
  }

  on<Name extends keyof Notes>(name: Name, listener: (note: Notes[Name]) => void): () => void {
    const all = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, all.add(listener))
    return () => all.delete(listener)
  }

  whenFlushed(): Promise<Report> {
    return new Promise((resolve) => this.#flushes.push(resolve))
  }

  whenDelivered(id: string): Promise<void> {
    return new Promise((done, failed) => this.#waiting.set(id, (error) => (error ? failed(error) : done())))
  }

  // What a module's client calls: `sdk-wasm/src/browser/listener.rs`.

  /** A batch is about to be sent; `false` holds it back. */
  sending(bytes: number): boolean {
    try {
      const answer: unknown = this.#beforeSend?.({ bytes })
      if ((answer as Promise<unknown> | undefined)?.then) throw TypeError('it must not return a promise')
      return answer !== false
    } catch (error) {
      this.emit('error', { message: `beforeSend failed, so the batch is held back: ${messageOf(error)}` })
      return false
    }
  }

  /** A client has started. */
  started(producer: string): void {
    this.producer = producer
  }

  delivered(seqsJson: string): void {
    const { producer } = this
    const ids: string[] = []
    for (const [from, to] of JSON.parse(seqsJson))
      for (let seq = from; seq <= to; seq += 1) ids.push(`${producer}-${seq}`)
    this.accepted('delivered', { producer, ids, count: ids.length })
  }

  dropped(seq: number, reason: number): void {
    const { producer } = this
    this.drop({ producer, id: `${producer}-${seq}`, reason: DROP_REASONS[reason] as DropReason })
  }

  failed(status: number, waitMs: number): void {
    const message = `the server ${status ? `answered ${status}` : 'did not answer'}`
    this.emit('error', { message, status, waitMs })
  }

  flushed(sent: number, queued: number, status?: number): void {
    this.flush({ sent, queued, ...(status !== undefined && { status }) })
  }

  withdrawn(): void {
    this.#withdrawn()
  }

  accepted(name: 'delivered' | 'adopted', note: Delivered): void {
    for (const id of note.ids) this.#settle(id)
    this.emit(name, note)
  }

  drop(note: Dropped): void {
    this.#settle(note.id, new Error(`event ${note.id} was dropped: ${note.reason}`))
    this.emit('dropped', note)
  }

  flush(report: Report): void {
    for (const resolve of this.#flushes.splice(0)) resolve(report)
  }

  emit<Name extends keyof Notes>(name: Name, note: Notes[Name]): void {
    this.warn?.then((warn) => warn(note))
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        listener(note as never)
      } catch (error) {
        console.error(`lamplight: a listener of '${name}' threw: ${messageOf(error)}`)
      }
    }
  }

  #settle(id: string, error?: Error): void {
    this.#waiting.get(id)?.(error)
    this.#waiting.delete(id)
  }
}
