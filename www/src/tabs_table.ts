import { byId, make, setText } from './element.ts'
import { format } from './equation.ts'
import { keysBy, type Queue } from './queue.ts'
import type { Recorder } from './recorder.ts'
import type { Life, Roster, Tab } from './roster.ts'

const ROWS_MAX = 30
const COLUMNS = ['name', 'life', 'made', 'waiting', 'stored', 'sent', 'adopted', 'lock', 'error', 'close'] as const
const NUMBERS = new Set<string>(['made', 'waiting', 'stored', 'sent', 'adopted'])
const LIFE: Record<Life, string> = { alive: 'alive', silent: 'not answering', closed: 'closed', killed: 'killed' }

type Cells = Record<(typeof COLUMNS)[number], HTMLTableCellElement>

export class TabsTable {
  readonly #body = byId('tabs')
  readonly #recorder: Recorder
  readonly #closeTab: (id: string) => void
  #rows = new Map<string, { row: HTMLTableRowElement; cells: Cells }>()

  constructor(recorder: Recorder, closeTab: (id: string) => void) {
    this.#recorder = recorder
    this.#closeTab = closeTab
  }

  show(roster: Roster, queue: Queue, storedBy: ReadonlyMap<string, number>): void {
    const waitingBy = keysBy(queue)
    const all = roster.tabs()
    const shown = mostRelevant(all, (tab) => waitingBy.get(this.#recorder.tab(tab.id).producer) ?? 0)
    for (const [id, { row }] of this.#rows) {
      if (shown.some((tab) => tab.id === id)) continue
      row.remove()
      this.#rows.delete(id)
    }
    for (const tab of shown) this.#showTab(tab, waitingBy, storedBy, roster.lockOwner()?.id === tab.id)
    const alive = roster.alive().length
    setText(byId('tabs-count'), all.length === 0 ? '' : `${alive} open, ${all.length - alive} closed`)
    byId('tabs-empty').hidden = all.length > 0
    const older = byId('tabs-older')
    older.hidden = shown.length === all.length
    setText(older, `${all.length - shown.length} older tabs without unsent events are not listed, but are counted.`)
  }

  #showTab(tab: Tab, waitingBy: Map<string, number>, storedBy: ReadonlyMap<string, number>, owns: boolean): void {
    const { row, cells } = this.#row(tab)
    const { producer, made } = this.#recorder.tab(tab.id)
    const hasEnded = tab.life === 'closed' || tab.life === 'killed'
    const waiting = hasEnded ? (waitingBy.get(producer) ?? 0) : (tab.status?.waiting ?? 0)
    row.dataset['life'] = tab.life
    row.dataset['waiting'] = String(waiting > 0)
    setText(cells.name, `Tab ${tab.number}`)
    setText(cells.life, lifeText(tab, waiting))
    setText(cells.made, format(made))
    const inMemory = inMemoryOf(tab, waitingBy)
    setText(cells.waiting, inMemory === 0 ? format(waiting) : `${format(waiting)} (${format(inMemory)} in memory)`)
    setText(cells.stored, format(storedBy.get(producer) ?? 0))
    setText(cells.sent, format(tab.status?.sent ?? 0))
    setText(cells.adopted, format(tab.status?.adopted ?? 0))
    setText(cells.lock, hasEnded ? '' : owns ? 'owner' : (tab.status?.lockPhase ?? ''))
    const error = hasEnded ? '' : errorText(tab)
    cells.error.classList.toggle('past', tab.status?.backoffMs === 0)
    setText(cells.error, error)
    cells.error.title = error
    cells.close.hidden = false
    const button = cells.close.firstElementChild as HTMLButtonElement
    button.hidden = hasEnded
  }

  #row(tab: Tab): { row: HTMLTableRowElement; cells: Cells } {
    const known = this.#rows.get(tab.id)
    if (known) return known
    const row = make('tr')
    const cells = {} as Cells
    for (const column of COLUMNS) {
      const cell = make('td', { class: NUMBERS.has(column) ? `n ${column}` : column })
      if (column === 'name') {
        const head = make('th', { scope: 'row', class: 'name' })
        cells.name = head as HTMLTableCellElement
        row.append(head)
        continue
      }
      cells[column] = cell
      row.append(cell)
    }
    const button = make('button', { type: 'button', class: 'plain', 'aria-label': `Close tab ${tab.number}` }, 'close')
    button.addEventListener('click', () => this.#closeTab(tab.id))
    cells.close.append(button)
    const next = [...this.#rows.values()].find((other) => Number(other.row.dataset['number']) > tab.number)
    row.dataset['number'] = String(tab.number)
    this.#body.insertBefore(row, next?.row ?? null)
    const made = { row, cells }
    this.#rows.set(tab.id, made)
    return made
  }
}

/**
 * Events of a tab that storage had no room for: at most the unstored ones, and those without a key.
 */
export function inMemoryOf(tab: Tab, keysBy: ReadonlyMap<string, number>): number {
  if (!tab.status || tab.life === 'closed' || tab.life === 'killed') return 0
  const beyond = tab.status.waiting - (keysBy.get(tab.status.producer) ?? 0)
  return Math.max(0, Math.min(tab.status.unstored, beyond))
}

/** All tabs that are open or have unsent events, then the latest ones. */
function mostRelevant(tabs: Tab[], waiting: (tab: Tab) => number): Tab[] {
  const matters = (tab: Tab): boolean => tab.life === 'alive' || tab.life === 'silent' || waiting(tab) > 0
  const first = tabs.filter(matters)
  const room = Math.max(0, ROWS_MAX - first.length)
  const rest = room === 0 ? [] : tabs.filter((tab) => !matters(tab)).slice(-room)
  return [...first, ...rest].sort((a, b) => a.number - b.number)
}

function lifeText(tab: Tab, waiting: number): string {
  if (tab.adoptedBy.size > 0 && waiting === 0) {
    const by = [...tab.adoptedBy].map((number) => `tab ${number}`).join(', ')
    return `${LIFE[tab.life]}, adopted by ${by}`
  }
  const hasEnded = tab.life === 'closed' || tab.life === 'killed'
  return hasEnded && waiting > 0 ? `${LIFE[tab.life]}, to be adopted` : LIFE[tab.life]
}

function errorText(tab: Tab): string {
  const error = tab.status?.lastError ?? ''
  const backoffMs = tab.status?.backoffMs ?? 0
  if (backoffMs === 0) return error
  return `${error || 'backing off'}; retry in ${(backoffMs / 1_000).toFixed(1)} s`
}
