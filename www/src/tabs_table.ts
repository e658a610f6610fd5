import type { Census } from './census.ts'
import { consoleButton, eventsPath, producerPath, setPath } from './console_link.ts'
import { byId, make, setText } from './element.ts'
import { format } from './equation.ts'
import { failureText } from './failure.ts'
import { made, NOWHERE, type Places, waiting } from './places.ts'
import type { Recorder } from './recorder.ts'
import type { Life, Roster, Tab } from './roster.ts'

const ROWS_MAX = 30
const COLUMNS = ['name', 'life', 'made', 'stored', 'waiting', 'adopted', 'lock', 'error', 'close'] as const
/** What a cell is, where the table is too narrow for columns. */
const LABELS: Partial<Record<(typeof COLUMNS)[number], string>> = {
  made: 'Made',
  stored: 'Stored',
  waiting: 'Waiting',
  adopted: 'Adopted',
  lock: 'Tab lock',
  error: 'Last error',
}
/** Columns whose text leads to the console, and what is there. */
const LINKS: Partial<Record<(typeof COLUMNS)[number], { title: string; path: (producer: string) => string }>> = {
  name: { title: 'This tab in the console', path: producerPath },
  made: { title: 'This tab in the console', path: producerPath },
  stored: { title: 'Its stored events in the console', path: eventsPath },
  waiting: { title: 'This tab in the console', path: producerPath },
}
const NUMBERS = new Set<string>(['made', 'stored', 'waiting', 'adopted'])
const LIFE: Record<Life, string> = { alive: 'open', silent: 'not answering', closed: 'closed', killed: 'killed' }

const PHASES: Record<string, string> = {
  requesting: 'requests it',
  claiming: 'claims it',
  checking: 'claims it',
  held: 'holds it',
  releasing: 'releases it',
}

/** The element with the text of each column: the cell, or the link in it. */
type Cells = Record<(typeof COLUMNS)[number], HTMLElement>

export class TabsTable {
  readonly #body = byId('tabs')
  readonly #recorder: Recorder
  readonly #closeTab: (id: string) => void
  #rows = new Map<string, { row: HTMLTableRowElement; cells: Cells }>()

  constructor(recorder: Recorder, closeTab: (id: string) => void) {
    this.#recorder = recorder
    this.#closeTab = closeTab
  }

  show(roster: Roster, census: Census): void {
    const places = (tab: Tab) => census.byTab.get(tab.id) ?? NOWHERE
    const all = roster.tabs()
    const shown = mostRelevant(all, (tab) => waiting(places(tab)))
    for (const [id, { row }] of this.#rows) {
      if (shown.some((tab) => tab.id === id)) continue
      row.remove()
      this.#rows.delete(id)
    }
    for (const tab of shown) this.#showTab(tab, places(tab), census.lock.lease)
    const alive = roster.alive().length
    setText(byId('tabs-count'), all.length === 0 ? '' : `${alive} open, ${all.length - alive} ended`)
    byId('tabs-empty').hidden = all.length > 0
    byId('tabs-table').hidden = all.length === 0
    const older = byId('tabs-older')
    older.hidden = shown.length === all.length
    setText(older, `${all.length - shown.length} older tabs without waiting events are not listed, but are counted.`)
  }

  #showTab(tab: Tab, places: Places, lease: string): void {
    const { row, cells } = this.#row(tab)
    const { producer } = this.#recorder.tab(tab.id)
    const hasEnded = tab.life === 'closed' || tab.life === 'killed'
    row.dataset['life'] = tab.life
    row.dataset['waiting'] = String(waiting(places) > 0)
    for (const [column, { path }] of Object.entries(LINKS))
      setPath(cells[column as keyof Cells] as HTMLButtonElement, producer ? path(producer) : undefined)
    setText(cells.name, `Tab ${tab.number}`)
    setText(cells.life, lifeText(tab, waiting(places)))
    setText(cells.made, format(made(places)))
    setText(cells.stored, format(places.stored))
    setText(cells.waiting, format(waiting(places)))
    setText(cells.adopted, format(tab.status?.adopted ?? 0))
    const holds = producer !== '' && lease.startsWith(`${producer}:`)
    setText(cells.lock, holds ? 'holds it' : hasEnded ? '' : (PHASES[tab.status?.lockPhase ?? ''] ?? ''))
    const failure = hasEnded || !tab.status ? '' : failureText(tab.status.lastFailure, tab.status.backoffMs)
    row.dataset['failing'] = String(failure !== '' && tab.status?.lastFailure.recoveredMs === 0)
    setText(cells.error, failure)
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
      const label = LABELS[column]
      const cell = make('td', {
        class: NUMBERS.has(column) ? `n ${column}` : column,
        ...(label && { 'data-label': label }),
      })
      const place = column === 'name' ? make('th', { scope: 'row', class: 'name' }) : cell
      const link = LINKS[column] && consoleButton('', LINKS[column].title)
      if (link) place.append(link)
      cells[column] = link ?? place
      row.append(place)
    }
    const button = make('button', { type: 'button', class: 'plain', 'aria-label': `Close tab ${tab.number}` }, 'close')
    button.addEventListener('click', () => this.#closeTab(tab.id))
    cells.close.append(button)
    const next = [...this.#rows.values()].find((other) => Number(other.row.dataset['number']) > tab.number)
    row.dataset['number'] = String(tab.number)
    this.#body.insertBefore(row, next?.row ?? null)
    const entry = { row, cells }
    this.#rows.set(tab.id, entry)
    return entry
  }
}

/** All tabs that are open or have waiting events, then the latest ones. */
function mostRelevant(tabs: Tab[], waits: (tab: Tab) => number): Tab[] {
  const matters = (tab: Tab): boolean => tab.life === 'alive' || tab.life === 'silent' || waits(tab) > 0
  const first = tabs.filter(matters)
  const room = Math.max(0, ROWS_MAX - first.length)
  const rest = room === 0 ? [] : tabs.filter((tab) => !matters(tab)).slice(-room)
  return [...first, ...rest].sort((a, b) => a.number - b.number)
}

function lifeText(tab: Tab, waits: number): string {
  if (tab.adoptedBy.size > 0 && waits === 0) {
    const by = [...tab.adoptedBy].map((number) => `tab ${number}`).join(', ')
    return `${LIFE[tab.life]}; ${by} adopted its events`
  }
  const hasEnded = tab.life === 'closed' || tab.life === 'killed'
  return hasEnded && waits > 0 ? `${LIFE[tab.life]}; its events wait for another tab` : LIFE[tab.life]
}
