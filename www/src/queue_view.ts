import { byId, make, setText } from './element.ts'
import { format } from './equation.ts'
import type { Queue } from './queue.ts'
import type { Recorder } from './recorder.ts'

const ROWS_MAX = 8

/** The SDK's keys by the tab that wrote them. */
export class QueueView {
  readonly #recorder: Recorder

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  /** `inMemory`: events that found no room in storage. */
  show(queue: Queue, inMemory: number): void {
    const memory = byId('queue-memory')
    memory.hidden = inMemory === 0
    setText(
      memory,
      `No room for ${format(inMemory)} more events: they wait in the memory of their tabs, and are lost if the tabs close.`,
    )
    setText(byId('queue-count'), format(queue.count))
    setText(byId('queue-bytes'), size(queue.bytes))
    byId('queue-empty').hidden = queue.count > 0
    const largest = queue.byProducer[0]?.count ?? 1
    const rows = queue.byProducer.slice(0, ROWS_MAX).map((waiting) => {
      const number = this.#recorder.numberOf(waiting.producer)
      const name = number === undefined ? `…${waiting.producer.slice(-6)}` : `Tab ${number}`
      const bar = make('span', { class: 'bar' })
      bar.style.setProperty('--share', `${Math.max(2, (100 * waiting.count) / largest)}%`)
      return make(
        'tr',
        {},
        make('th', { scope: 'row', title: waiting.producer }, name),
        make('td', { class: 'n' }, format(waiting.count)),
        make('td', { class: 'n' }, size(waiting.bytes)),
        make('td', { class: 'share', 'aria-hidden': 'true' }, bar),
      )
    })
    byId('queue').replaceChildren(...rows)
    const more = queue.byProducer.length - rows.length
    const others = queue.otherCount === 1 ? '1 other key' : `${queue.otherCount} other keys`
    const notes = [
      more > 0 ? `${more} more tabs. ` : '',
      queue.otherCount > 0 ? `${others}: the tab lock and the heartbeats of tabs.` : '',
    ]
    setText(byId('queue-other'), notes.join(''))
  }
}

function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`
  return `${(bytes / 1_000_000).toFixed(2)} MB`
}
