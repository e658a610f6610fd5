import type { Channel } from './channel.ts'
import { byId, setText } from './element.ts'
import type { Roster } from './roster.ts'
import type { Fault, Server } from './server.ts'

const TICK_MS = 50
/** The load stops after this time. */
const HAMMER_MS_MAX = 60_000
const HELLO_WAIT_MS = 2_500

export interface Targets {
  channel: Channel
  server: Server
  roster: Roster
}

/** The buttons that open tabs, make load, and make the server fail. */
export class Controls {
  readonly #targets: Targets
  #perSecond = 0
  #timer: ReturnType<typeof setInterval> | undefined
  #endsMs = 0
  #hammered = false
  #fault: Fault = 'none'
  #knownDropped = 0
  /** Increases when a choice begins, and when it is done. */
  #choices = 0

  constructor(targets: Targets) {
    this.#targets = targets
    byId('open-one').addEventListener('click', () => void this.#openTabs(1))
    byId('open-five').addEventListener('click', () => void this.#openTabs(5))
    byId('close-all').addEventListener('click', () => targets.channel.send({ kind: 'close' }))
    byId('hammer-50').addEventListener('click', () => this.#hammer(this.#perSecond === 50 ? 0 : 50))
    byId('hammer-500').addEventListener('click', () => this.#hammer(this.#perSecond === 500 ? 0 : 500))
    byId('burst').addEventListener('click', () => this.#burst(1_000))
    byId('stop').addEventListener('click', () => this.#hammer(0))
    for (const input of this.#faultInputs())
      input.addEventListener('change', () => void this.#setFault(input.value as Fault))
  }

  get hammered(): boolean {
    return this.#hammered
  }

  get fault(): Fault {
    return this.#fault
  }

  /**
   * Stops the load when tabs begin to drop events, because nothing has room for more. Pressing the
   * button again continues.
   */
  stopWhenFull(dropped: number): void {
    if (dropped > this.#knownDropped && this.#perSecond > 0) {
      this.#hammer(0)
      const note = byId('hammer-note')
      note.hidden = false
      setText(
        note,
        'Stopped: localStorage, IndexedDB and memory are full, so tabs dropped events. They declare each one to the server. Press again to continue.',
      )
    }
    this.#knownDropped = dropped
  }

  /** Reads the server's fault, because another dashboard may have changed it. */
  async readFault(): Promise<void> {
    const choices = this.#choices
    const fault = await this.#targets.server.fault()
    // A choice made in the meantime is newer than this answer.
    if (choices !== this.#choices) return
    this.#fault = fault
    for (const input of this.#faultInputs()) input.checked = input.value === this.#fault
  }

  /**
   * `noopener` gives each tab its own process. Tabs in one process would share their view of
   * localStorage.
   */
  async #openTabs(count: number): Promise<void> {
    const before = this.#targets.roster.alive().length
    for (let index = 0; index < count; index += 1) window.open('tab.html', '_blank', 'noopener')
    await new Promise((resolve) => setTimeout(resolve, HELLO_WAIT_MS))
    const opened = this.#targets.roster.alive().length - before
    const note = byId('popup-note')
    note.hidden = opened >= count
    setText(
      note,
      `${opened} of ${count} opened: your browser blocked the others. Allow pop-ups for this page in the address bar, or press “Open a tab” several times.`,
    )
  }

  #burst(count: number): void {
    this.#hammered ||= this.#targets.roster.alive().length > 0
    this.#targets.channel.send({ kind: 'burst', count })
  }

  #hammer(perSecond: number): void {
    this.#perSecond = perSecond
    this.#hammered ||= perSecond > 0 && this.#targets.roster.alive().length > 0
    this.#endsMs = performance.now() + HAMMER_MS_MAX
    clearInterval(this.#timer)
    this.#timer = perSecond > 0 ? setInterval(() => this.#tick(), TICK_MS) : undefined
    this.#showHammer()
  }

  #tick(): void {
    if (performance.now() >= this.#endsMs) this.#hammer(0)
    else this.#targets.channel.send({ kind: 'tick', perSecond: this.#perSecond })
  }

  #showHammer(): void {
    byId('hammer-50').setAttribute('aria-pressed', String(this.#perSecond === 50))
    byId('hammer-500').setAttribute('aria-pressed', String(this.#perSecond === 500))
    const note = byId('hammer-note')
    note.hidden = this.#perSecond === 0
    setText(note, `Every open tab makes ${this.#perSecond} events per second, for at most a minute.`)
  }

  async #setFault(mode: Fault): Promise<void> {
    this.#fault = mode
    this.#choices += 1
    try {
      await this.#targets.server.setFault(mode)
    } finally {
      this.#choices += 1
      await this.readFault()
    }
  }

  #faultInputs(): NodeListOf<HTMLInputElement> {
    return document.querySelectorAll<HTMLInputElement>('input[name=fault]')
  }
}
