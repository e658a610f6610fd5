// What a benchmark leaves for the page: `{ machine, at, title, intro, tables, plots, goals }`.

const text = (value) => typeof value === 'string'
const finite = (value) => Number.isFinite(value)

const SHAPES = {
  tables: (table) =>
    text(table.title) &&
    table.columns.every(text) &&
    table.rows.every((row) => row.length === table.columns.length && row.every(text)),
  plots: (plot) =>
    text(plot.title) &&
    text(plot.unit) &&
    plot.bars.length > 0 &&
    plot.bars.every((bar) => text(bar.name) && [bar.low, bar.median, bar.high].every(finite)),
  goals: (goal) =>
    [goal.measure, goal.best_peer, goal.lamplight, goal.ratio, goal.goal].every(text) && typeof goal.met === 'boolean',
}

/** What is wrong with a section, or nothing. */
export function checkSection(section) {
  for (const name of ['at', 'title', 'intro']) if (!text(section[name])) return `'${name}' must be text`
  if (typeof section.machine !== 'object') return "'machine' must be an object"
  for (const [name, isRight] of Object.entries(SHAPES)) {
    if (!Array.isArray(section[name])) return `'${name}' must be a list`
    const wrong = section[name].find((item) => !isRight(item))
    if (wrong) return `'${name}' has an entry of the wrong shape: ${JSON.stringify(wrong).slice(0, 200)}`
  }
}
