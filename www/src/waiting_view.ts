import type { Census } from './census.ts'
import { byId, setText } from './element.ts'
import { format } from './equation.ts'
import { waiting } from './places.ts'

/** Where in this browser events wait. */
export class WaitingView {
  show({ total, bytes, uncounted, overflowIsRead }: Census): void {
    const all = waiting(total)
    setText(byId('waiting-count'), format(all))
    const places = { keys: bytes.keys, blocks: bytes.blocks, overflow: bytes.overflow, memory: undefined }
    for (const name of ['keys', 'blocks', 'overflow', 'memory'] as const) {
      const row = byId(`waiting-${name}`)
      const cell = (kind: string): Element => row.querySelector(`.${kind}`) ?? row
      const isUnread = name === 'overflow' && !overflowIsRead
      setText(cell('count'), isUnread ? 'not readable' : format(total[name]))
      setText(cell('size'), places[name] === undefined ? '' : size(places[name]))
      const share = all === 0 ? 0 : total[name] / all
      row.querySelector<HTMLElement>('.bar')?.style.setProperty('--share', `${100 * share}%`)
    }
    byId('waiting-memory').classList.toggle('attention', total.memory > 0)
    const note = byId('waiting-uncounted')
    note.hidden = uncounted <= 0
    setText(
      note,
      `${format(uncounted)} more wait here that are not counted, from earlier or from tabs that this page does not know.`,
    )
  }
}

function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`
  return `${(bytes / 1_000_000).toFixed(2)} MB`
}
