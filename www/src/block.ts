// Blocks: up to a hundred events of one producer in one text, each line `<seq> <event>`. The SDK
// writes a block once and never changes it.
import { type Ranges, rangesOf } from './ranges.ts'

/** The producer in a block's name, `<producer>:<number>:<events>:<bytes>`. */
export function producerOf(blockName: string): string | undefined {
  return /^([^:]+):\d+:\d+:\d+$/.exec(blockName)?.[1]
}

/** The numbers of the events in a block's text. */
export function numbersIn(text: string): Ranges {
  return rangesOf([...text.matchAll(/^(\d+) /gm)].map((line) => Number(line[1])))
}

/** The numbers in each block that was read, because a block's text never changes. */
export class BlockNumbers {
  #known = new Map<string, Ranges>()

  get(name: string): Ranges | undefined {
    return this.#known.get(name)
  }

  add(name: string, text: string): Ranges {
    const numbers = numbersIn(text)
    this.#known.set(name, numbers)
    return numbers
  }

  /** Forgets the blocks that are gone. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name)
  }
}
