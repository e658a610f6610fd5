// Notes from the module, in the form that the page's listeners get.
import { messageOf } from './json.ts'
import type { Delivered, Dropped, Failure, Notes, Options, Report } from './types.ts'

/** Why an event was dropped, by the index of `DropReason` in the module. */
const REASONS: Dropped['reason'][] = ['quota', 'rejected', 'too_large', 'opted_out']
/** The length of a producer's name. */
const PRODUCER_CHARS = 26

type Listeners = { [Name in keyof Notes]?: Set<(note: Notes[Name]) => void> }

/** The page's listeners, and the promises that wait for a note. */
export class NoteListeners {
  readonly #beforeSend: Options['beforeSend']
  readonly #withdrawn: () => void
  #listeners: Listeners = {}
  #flushes: ((report: Report) => void)[] = []
  #waiting = new Map<string, (error?: Error) => void>()

  /** `withdrawn` is called when consent was withdrawn, here or in another tab. */
  constructor(beforeSend: Options['beforeSend'], withdrawn: () => void) {
    this.#beforeSend = beforeSend
    this.#withdrawn = withdrawn
  }

  on<Name extends keyof Notes>(name: Name, listener: (note: Notes[Name]) => void): () => void {
    this.#listeners[name] ??= new Set() as never
    const all = this.#listeners[name] as Set<(note: Notes[Name]) => void>
    all.add(listener)
    return () => all.delete(listener)
  }

  flushed(): Promise<Report> {
    return new Promise((resolve) => this.#flushes.push(resolve))
  }

  delivered(id: string): Promise<void> {
    return new Promise((done, failed) => this.#waiting.set(id, (error) => (error ? failed(error) : done())))
  }

  /**
   * Takes a note from the module; `notes.rs` defines the numbers. Before a batch is sent, returns
   * `false` to hold it back.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: `beforeSend` may return nothing.
  receive(kind: number, first: number, second = 0, text = ''): boolean | void {
    const [producer, rest] = [text.slice(0, PRODUCER_CHARS), text.slice(PRODUCER_CHARS)]
    if (kind === 6) {
      return this.#beforeSend?.({ bytes: first })
    } else if (kind === 5) {
      this.#withdrawn()
    } else if (kind === 4) {
      for (const resolve of this.#flushes.splice(0))
        resolve({ sent: first, queued: second, ...(text && { status: Number(text) }) })
    } else if (kind === 3) {
      this.emit('error', {
        message: `the server ${first ? `answered ${first}` : 'did not answer'}`,
        status: first,
        waitMs: second,
      } satisfies Failure)
    } else if (kind === 2) {
      const [id, reason] = [`${producer}-${first}`, REASONS[second] as Dropped['reason']]
      this.#settle(id, new Error(`event ${id} was dropped: ${reason}`))
      this.emit('dropped', { producer, id, reason })
    } else {
      const ids: string[] = []
      for (const [from, to] of JSON.parse(rest))
        for (let seq = from; seq <= to; seq += 1) ids.push(`${producer}-${seq}`)
      for (const id of ids) this.#settle(id)
      this.emit(kind ? 'adopted' : 'delivered', { producer, ids, count: ids.length } satisfies Delivered)
    }
  }

  emit<Name extends keyof Notes>(name: Name, note: Notes[Name]): void {
    for (const listener of this.#listeners[name] ?? []) {
      try {
        listener(note)
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
