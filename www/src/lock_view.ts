import { byId, make, setText } from './element.ts'
import type { Recorder } from './recorder.ts'
import type { Roster } from './roster.ts'
import { clockTime } from './time.ts'

const TURNS_MAX = 6

/** Which tab delivers orphaned events, and which did before. */
export class LockView {
  readonly #recorder: Recorder
  #shown = ''

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  show(roster: Roster): void {
    const owner = roster.lockOwner()
    setText(byId('lock-owner'), owner ? `Tab ${owner.number}` : 'No tab')
    const turns = roster.lockTurns(TURNS_MAX)
    byId('lock-empty').hidden = turns.length > 0
    const shown = JSON.stringify(turns)
    if (shown === this.#shown) return
    this.#shown = shown
    const lines = turns.map((turn) => {
      const number = this.#recorder.numberOf(turn.holder)
      const name = number === undefined ? `…${turn.holder.slice(-6)}` : `Tab ${number}`
      return make('li', {}, make('time', {}, clockTime(turn.since)), `${name}, turn ${turn.epoch}`)
    })
    byId('lock-turns').replaceChildren(...lines)
  }
}
