// Figures of several runs, as text: the median, and the range where the runs differ.
/** The middle value, or the mean of the two in the middle. */
export function median(list) {
  const sorted = [...list].sort((one, other) => one - other)
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2
}

/** What a value of a cell was in each run. Empty if a peer has no such cell. */
export const runsOf = (raw, cell, peer, value) => (raw.cells[cell]?.[peer.name] ?? []).map((run) => run[value])

/** The median of a cell's value. */
export const medianOf = (raw, cell, peer, value) => median(runsOf(raw, cell, peer, value))

/** A number with three significant digits, and no fewer than its whole part has. */
export function number(value) {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.min(2, digits) })
}

/** `12 (11–13)`, `12` if the runs agree, and a dash if there are none. */
export function figure(list, { times = 1 } = {}) {
  if (!list.length) return '–'
  const values = list.map((value) => value * times)
  const [low, middle, high] = [Math.min(...values), median(values), Math.max(...values)].map(number)
  return low === high ? middle : `${middle} (${low}–${high})`
}

/** A bar of a plot. */
export const bar = ({ title }, list, { times = 1 } = {}) => ({
  name: title,
  median: median(list) * times,
  low: Math.min(...list) * times,
  high: Math.max(...list) * times,
})
