import { make } from './element.ts'

/** What the page has seen so far, for the steps below. */
export interface Seen {
  openTabs: number
  hammered: boolean
  serverFails: boolean
  /** A tab that is gone left events in storage. */
  orphans: boolean
  adopted: boolean
  holds: boolean
}

interface Step {
  name: string
  text: string
  isDone(seen: Seen, done: ReadonlySet<string>): boolean
}

const STEPS: Step[] = [
  { name: 'opened', text: 'Open two tabs or more', isDone: (seen) => seen.openTabs >= 2 },
  { name: 'hammered', text: 'Hammer them', isDone: (seen) => seen.openTabs >= 1 && seen.hammered },
  {
    name: 'failed',
    text: 'Cut the server off, or let it say 503',
    isDone: (seen) => seen.openTabs >= 1 && seen.serverFails,
  },
  { name: 'orphaned', text: 'Close or kill a tab while its events wait', isDone: (seen) => seen.orphans },
  { name: 'adopted', text: 'Let the server answer again: another tab adopts them', isDone: (seen) => seen.adopted },
  {
    name: 'arrived',
    text: 'Everything arrived, once',
    isDone: (seen, done) => seen.holds && STEPS.every((step) => step.name === 'arrived' || done.has(step.name)),
  },
]

/** Ticks itself. A step once done stays done. */
export class Checklist {
  readonly #list: HTMLElement
  #done = new Set<string>()
  #items = new Map<string, HTMLElement>()

  constructor(list: HTMLElement) {
    this.#list = list
    for (const step of STEPS) {
      const mark = make('span', { class: 'mark' }, make('span', { class: 'unseen' }, 'to do: '))
      const item = make('li', {}, mark, step.text)
      this.#items.set(step.name, item)
      this.#list.append(item)
    }
    this.#show()
  }

  done(): string[] {
    return [...this.#done]
  }

  /** Returns true when a step was ticked. */
  see(seen: Seen): boolean {
    const before = this.#done.size
    for (const step of STEPS) if (step.isDone(seen, this.#done)) this.#done.add(step.name)
    if (this.#done.size === before) return false
    this.#show()
    return true
  }

  recall(steps: string[]): void {
    this.#done = new Set(steps)
    this.#show()
  }

  #show(): void {
    const next = STEPS.find((step) => !this.#done.has(step.name))
    for (const step of STEPS) {
      const item = this.#items.get(step.name)
      const isDone = this.#done.has(step.name)
      item?.classList.toggle('done', isDone)
      item?.classList.toggle('next', step === next)
      const spoken = item?.querySelector('.unseen')
      if (spoken) spoken.textContent = isDone ? 'done: ' : 'to do: '
    }
  }
}
