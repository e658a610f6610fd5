import { consoleButton, eventPath, producerPath } from './console_link.ts'
import { byId, make, setText } from './element.ts'
import { format } from './equation.ts'
import type { Recorder } from './recorder.ts'
import type { EventDetails, EventRow, Server } from './server.ts'
import { clockTime } from './time.ts'

/** The server's newest events. Each opens as JSON with its timeline. */
export class Tail {
  readonly #server: Server
  readonly #recorder: Recorder
  readonly #dialog = byId<HTMLDialogElement>('event')
  #rows = new Map<string, HTMLTableRowElement>()

  constructor(server: Server, recorder: Recorder) {
    this.#server = server
    this.#recorder = recorder
    byId('event-close').addEventListener('click', () => this.#dialog.close())
  }

  show(events: EventRow[]): void {
    byId('tail-empty').hidden = events.length > 0
    const isFirst = this.#rows.size === 0
    const rows = new Map(events.map((event) => [event.id, this.#rows.get(event.id) ?? this.#row(event, !isFirst)]))
    const body = byId('tail')
    // Rows that stay are not moved, so that they keep focus and selection.
    for (const [id, row] of this.#rows) if (!rows.has(id)) row.remove()
    let before = body.firstElementChild
    for (const row of rows.values()) {
      if (row === before) before = before.nextElementSibling
      else body.insertBefore(row, before)
    }
    this.#rows = rows
  }

  #row(event: EventRow, isNew: boolean): HTMLTableRowElement {
    const number = event.producer ? this.#recorder.numberOf(event.producer) : undefined
    const from =
      number === undefined ? (event.producer ? `…${event.producer.slice(-6)}` : 'elsewhere') : `Tab ${number}`
    const { producer } = event
    const producerLink = producer ? consoleButton(from, 'Its page in the console', producerPath(producer)) : from
    const open = make(
      'button',
      { type: 'button', class: 'plain', 'aria-label': `JSON of ${event.name} ${event.seq ?? ''}` },
      'JSON',
    )
    open.addEventListener('click', () => void this.#open(event))
    return make(
      'tr',
      isNew ? { class: 'new' } : {},
      make('td', {}, make('time', {}, clockTime(event.received))),
      make('th', { scope: 'row' }, consoleButton(event.name, 'This event in the console', eventPath(event.id))),
      make('td', {}, producerLink),
      make('td', { class: 'n' }, event.seq === undefined || event.seq === null ? '' : format(event.seq)),
      make('td', { class: 'properties' }, make('code', {}, JSON.stringify(event.properties ?? {}))),
      make('td', {}, open),
    )
  }

  async #open(event: EventRow): Promise<void> {
    setText(byId('event-title'), `${event.name} ${event.seq ?? ''}`)
    setText(byId('event-json'), 'Loading…')
    byId('event-timeline').replaceChildren()
    this.#dialog.showModal()
    try {
      const details = await this.#server.event(event.id)
      setText(byId('event-json'), JSON.stringify(details, null, 2))
      byId('event-timeline').replaceChildren(...details.timeline.map(entry))
    } catch (error) {
      setText(byId('event-json'), String(error))
    }
  }
}

function entry({ at, stage, state, detail }: EventDetails['timeline'][number]): HTMLLIElement {
  const time = make('time', {}, at === null ? '' : clockTime(at))
  return make('li', {}, time, make('strong', {}, state), make('span', {}, detail ?? stage))
}
