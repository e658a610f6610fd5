import { byId, make, setText } from './element.ts'
import type { LockKeys } from './local_storage.ts'
import { type LockTab, lockState, lockText } from './lock_state.ts'
import type { Recorder } from './recorder.ts'
import type { Roster } from './roster.ts'
import { clockTime } from './time.ts'

const TURNS_MAX = 6

/** Whether the tab lock is free, claimed or held, and which tabs held it before. */
export class LockView {
  readonly #recorder: Recorder
  #shown = ''

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  show(keys: LockKeys, roster: Roster): void {
    const state = lockState(keys, this.#tabs(roster))
    const { title, detail } = lockText(state)
    byId('lock').dataset['state'] = state.kind
    setText(byId('lock-state'), title)
    setText(byId('lock-detail'), detail)
    const turns = roster.lockTurns(TURNS_MAX)
    byId('lock-history').hidden = turns.length === 0
    const shown = JSON.stringify(turns)
    if (shown === this.#shown) return
    this.#shown = shown
    const lines = turns.map((turn) => {
      const number = this.#recorder.numberOf(turn.holder)
      const name = number === undefined ? `…${turn.holder.slice(-6)}` : `Tab ${number}`
      return make('li', {}, make('time', {}, clockTime(turn.since)), name)
    })
    byId('lock-turns').replaceChildren(...lines)
  }

  #tabs(roster: Roster): LockTab[] {
    const open = new Set(roster.alive())
    return roster.tabs().map((tab) => ({
      number: tab.number,
      producer: this.#recorder.tab(tab.id).producer,
      phase: tab.status?.lockPhase ?? '',
      isOpen: open.has(tab),
    }))
  }
}
