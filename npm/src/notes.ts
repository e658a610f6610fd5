// What the module tells, in the form in which the page's code hears it.
import { messageOf } from './json.ts'
import type { Delivered, Dropped, Failure, Notes, Options, Report } from './types.ts'

interface Raw {
  producer: string
  seqs: [number, number][]
  seq: number
  reason: Dropped['reason']
  status: number
  waitMs: number
  bytes: number
}

type Listeners = { [Name in keyof Notes]?: Set<(note: Notes[Name]) => void> }

/** Listeners, and promises that wait for a note. */
export class Desk {
  readonly #beforeSend: Options['beforeSend']
  readonly #withdrawn: () => void
  #listeners: Listeners = {}
  #flushes: ((report: Report) => void)[] = []
  #waiting = new Map<string, (error?: Error) => void>()

  /** `withdrawn` hears that consent was withdrawn, here or in another tab. */
  constructor(beforeSend: Options['beforeSend'], withdrawn: () => void) {
    this.#beforeSend = beforeSend
    this.#withdrawn = withdrawn
  }

  on<Name extends keyof Notes>(name: Name, listener: (note: Notes[Name]) => void): () => void {
    const all: Set<(note: Notes[Name]) => void> = (this.#listeners[name] ??= new Set() as never)
    all.add(listener)
    return () => all.delete(listener)
  }

  flushed(): Promise<Report> {
    return new Promise((resolve) => this.#flushes.push(resolve))
  }

  delivered(id: string): Promise<void> {
    return new Promise((done, failed) => this.#waiting.set(id, (error) => (error ? failed(error) : done())))
  }

  /** Hears a note from the module. `false` to one that a batch is about to be sent holds it back. */
  hear(name: string, json: string): boolean | void {
    const raw = JSON.parse(json) as Raw
    if (name === 'sending') {
      return this.#beforeSend?.(raw)
    } else if (name === 'flushed') {
      for (const resolve of this.#flushes.splice(0)) resolve(raw as unknown as Report)
    } else if (name === 'withdrawn') {
      this.#withdrawn()
    } else if (name === 'error') {
      const { status, waitMs } = raw
      this.tell('error', { message: `the server ${status ? `answered ${status}` : 'did not answer'}`, status, waitMs } satisfies Failure)
    } else if (name === 'dropped') {
      const id = `${raw.producer}-${raw.seq}`
      this.#settle(id, new Error(`event ${id} was given up: ${raw.reason}`))
      this.tell('dropped', { producer: raw.producer, id, reason: raw.reason })
    } else {
      const ids = idsOf(raw)
      for (const id of ids) this.#settle(id)
      this.tell(name as 'delivered' | 'adopted', { producer: raw.producer, ids, count: ids.length } satisfies Delivered)
    }
  }

  tell<Name extends keyof Notes>(name: Name, note: Notes[Name]): void {
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

function idsOf(raw: Raw): string[] {
  const ids: string[] = []
  for (const [from, to] of raw.seqs) for (let seq = from; seq <= to; seq += 1) ids.push(`${raw.producer}-${seq}`)
  return ids
}
