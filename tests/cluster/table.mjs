// What each fault cost, as text.

const COLUMNS = [
  ['what happened', ({ what }) => what],
  ['longest without an answer of 200', ({ longestMs }) => seconds(longestMs)],
  ['requests', ({ requests }) => requests],
  ['refused', ({ refused }) => refused],
  ['broken', ({ failed }) => failed],
  ['events acknowledged', ({ acknowledged }) => acknowledged],
  ['stored', ({ stored }) => stored],
  ['after', ({ storedMs }) => seconds(storedMs)],
  ['lost', ({ lost }) => lost],
  ['doubled', ({ doubled }) => doubled],
  ['wrong ledgers', ({ wrong }) => wrong],
  ['total off by', ({ total }) => total],
]
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`

/** The rows as text. */
export function table(rows) {
  const cells = [COLUMNS.map(([title]) => title), ...rows.map((row) => COLUMNS.map(([, of]) => String(of(row))))]
  const widths = COLUMNS.map((_, index) => Math.max(...cells.map((line) => line[index].length)))
  const lines = cells.map((line) => `| ${line.map((cell, index) => cell.padEnd(widths[index])).join(' | ')} |`)
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`)
  return lines.join('\n')
}
