import { make } from './element.ts'

/** What has happened so far, for the steps below. */
export interface Progress {
  openTabs: number
  hammered: boolean
  serverFails: boolean
  /** A closed or killed tab left events in storage. */
  orphans: boolean
  adopted: boolean
  holds: boolean
}

interface Step {
  name: string
  text: string
  isDone(progress: Progress, done: ReadonlySet<string>): boolean
}

const STEPS: Step[] = [
  { name: 'opened', text: 'Open two tabs or more', isDone: (progress) => progress.openTabs >= 2 },
  { name: 'hammered', text: 'Make events in them', isDone: (progress) => progress.openTabs >= 1 && progress.hammered },
  {
    name: 'failed',
    text: 'Take the server offline, or make it return 503',
    isDone: (progress) => progress.openTabs >= 1 && progress.serverFails,
  },
  { name: 'orphaned', text: 'Close or kill a tab that has unsent events', isDone: (progress) => progress.orphans },
  {
    name: 'adopted',
    text: 'Let the server respond again: another tab adopts them',
    isDone: (progress) => progress.adopted,
  },
  {
    name: 'arrived',
    text: 'Every event arrived exactly once',
    isDone: (progress, done) => progress.holds && STEPS.every((step) => step.name === 'arrived' || done.has(step.name)),
  },
]

/** The list of steps, which marks itself. A step that is done stays done. */
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

  /** Returns whether a step was marked as done. */
  update(progress: Progress): boolean {
    const before = this.#done.size
    for (const step of STEPS) if (step.isDone(progress, this.#done)) this.#done.add(step.name)
    if (this.#done.size === before) return false
    this.#show()
    return true
  }

  restore(steps: string[]): void {
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
      const status = item?.querySelector('.unseen')
      if (status) status.textContent = isDone ? 'done: ' : 'to do: '
    }
  }
}
