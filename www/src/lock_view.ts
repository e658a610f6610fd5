import { byId, make, setText } from './element.ts'
import type { Roster } from './roster.ts'
import { clockTime } from './time.ts'
import type { Witness } from './witness.ts'

const TURNS_MAX = 6

/** Which tab works for those that are gone, and which did before. */
export class LockView {
  readonly #witness: Witness
  #shown = ''

  constructor(witness: Witness) {
    this.#witness = witness
  }

  show(roster: Roster): void {
    const owner = roster.lockOwner()
    setText(byId('lock-owner'), owner ? `Tab ${owner.number}` : 'nobody')
    const turns = roster.lockTurns(TURNS_MAX)
    byId('lock-empty').hidden = turns.length > 0
    const shown = JSON.stringify(turns)
    if (shown === this.#shown) return
    this.#shown = shown
    const lines = turns.map((turn) => {
      const number = this.#witness.numberOf(turn.holder)
      const name = number === undefined ? `…${turn.holder.slice(-6)}` : `Tab ${number}`
      return make('li', {}, make('time', {}, clockTime(turn.since)), `${name}, turn ${turn.epoch}`)
    })
    byId('lock-turns').replaceChildren(...lines)
  }
}
