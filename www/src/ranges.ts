// Sets of sequence numbers as sorted, disjoint ranges, so that thousands of numbers are a few
// pairs.

export type Range = readonly [from: number, to: number]
export type Ranges = readonly Range[]

/** The numbers from `from` to `to`, both included. */
export function between(from: number, to: number): Ranges {
  return from > to ? [] : [[from, to]]
}

/** The ranges of numbers in any order; repeated numbers count once. */
export function rangesOf(numbers: readonly number[]): Ranges {
  return joined(numbers.map((number): Range => [number, number]))
}

export function count(ranges: Ranges): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0)
}

/** The largest number; 0 if there is none. */
export function last(ranges: Ranges): number {
  return ranges.at(-1)?.[1] ?? 0
}

export function union(...all: Ranges[]): Ranges {
  return joined(all.flat())
}

export function minus(all: Ranges, taken: Ranges): Ranges {
  const left: Range[] = []
  let index = 0
  for (const [from, to] of all) {
    let start = from
    while (index < taken.length && (taken[index] as Range)[1] < start) index += 1
    for (let next = index; next < taken.length; next += 1) {
      const [takenFrom, takenTo] = taken[next] as Range
      if (takenFrom > to) break
      if (takenFrom > start) left.push([start, takenFrom - 1])
      start = takenTo + 1
    }
    if (start <= to) left.push([start, to])
  }
  return left
}

export function common(a: Ranges, b: Ranges): Ranges {
  return minus(a, minus(a, b))
}

function joined(ranges: Range[]): Ranges {
  const sorted = ranges.sort((a, b) => a[0] - b[0])
  const result: [number, number][] = []
  for (const [from, to] of sorted) {
    const before = result.at(-1)
    if (before && from <= before[1] + 1) before[1] = Math.max(before[1], to)
    else result.push([from, to])
  }
  return result
}
