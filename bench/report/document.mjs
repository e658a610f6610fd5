// Writes docs/benchmarks.md from the sections that benchmarks left.

const COLUMNS_MAX = 120

const INTRO = `These are figures of Lamplight beside those of what one would use instead. Each comparison ran on one machine
at one time, so ratios mean something, while absolute figures vary with the machine and with what else it does. The
machines were shared with other work. [The benchmarks' page](../bench/README.md) tells how to repeat each.

\`cargo xtask bench report\` generates this page from the files in \`bench/published\`.`

const MACHINE = [
  ['cpu', (model) => model],
  ['cores', (count) => `${count} cores`],
  ['memory_gib', (size) => `${size} GiB of memory`],
  ['kernel', (version) => version],
  ['file_system', (name) => `${name} as the file system`],
]

export const slug = (text) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')

/** The name of a plot's file, short enough for a line of the page. */
export const plotFile = (section, plot) =>
  `benchmark-${slug(slug(section.title).slice(0, 20))}-${slug(slug(plot.title).slice(0, 30))}.svg`

/** The page. `reasons` tells, by measure, why a peer wins or a goal is missed. */
export function documentOf(sections, reasons) {
  const parts = ['# Benchmarks', wrapped(INTRO), '## Goals', ...goalsOf(sections, reasons)]
  for (const section of sections) parts.push(...partsOf(section))
  return `${parts.join('\n\n')}\n`
}

function goalsOf(sections, reasons) {
  const goals = sections.flatMap((section) => section.goals)
  const columns = ['measure', 'best peer', 'Lamplight', 'Lamplight : best peer', 'goal', 'met']
  const rows = goals.map((goal) => [
    goal.measure,
    goal.best_peer,
    goal.lamplight,
    goal.ratio,
    goal.goal,
    goal.met ? 'yes' : '**no**',
  ])
  /** The measures of each reason. */
  const explained = new Map()
  for (const goal of goals.filter((goal) => !goal.met || goal.peer_wins)) {
    const reason = reasonFor(goal, reasons)
    explained.set(reason, new Set([...(explained.get(reason) ?? []), goal.measure]))
  }
  const lines = [...explained].map(([reason, measures]) =>
    wrapped(`- **${capital([...measures].join('; '))}**: ${reason}`, '  '),
  )
  const parts = [table(columns, rows)]
  if (lines.length) parts.push('Where a peer is better, or a goal is missed:', lines.join('\n'))
  return parts
}

/** Throws if nobody has written why. */
function reasonFor(goal, reasons) {
  const reason = reasons[goal.measure]
  if (reason) return reason
  const what = goal.met ? 'a peer is better' : 'the goal is missed'
  throw new Error(`'${goal.measure}': ${what}, and bench/report/reasons.json does not say why`)
}

function partsOf(section) {
  const plots = section.plots.map((plot) => `![${plot.title}](images/${plotFile(section, plot)})`)
  const tables = section.tables.flatMap(({ title, note, columns, rows }) => [
    `### ${title}`,
    ...(note ? [wrapped(note)] : []),
    table(columns, rows),
  ])
  return [`## ${section.title}`, ...paragraphs(section.intro), wrapped(machineOf(section)), ...plots, ...tables]
}

function machineOf({ machine, at }) {
  const facts = MACHINE.filter(([key]) => machine[key]).map(([key, say]) => say(machine[key]))
  const programs = Object.entries(machine.programs ?? {}).map(([name, version]) => `${name} ${version}`)
  return `Measured on ${at}, on ${facts.join(', ')}, with ${programs.join(', ')}.`
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1)

const paragraphs = (text) => text.split(/\n{2,}/).map((paragraph) => wrapped(paragraph))

/** Wraps each paragraph, with `indent` before every line but the first. */
function wrapped(text, indent = '') {
  return text
    .split(/\n{2,}/)
    .map((paragraph) => wrappedParagraph(paragraph, indent))
    .join('\n\n')
}

function wrappedParagraph(paragraph, indent) {
  const lines = []
  let line = ''
  for (const word of paragraph.split(/\s+/)) {
    if (line && line.length + 1 + word.length > COLUMNS_MAX) {
      lines.push(line)
      line = indent + word
    } else {
      line = line ? `${line} ${word}` : word
    }
  }
  return [...lines, line].join('\n')
}

function table(columns, rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
  return [line(columns), `|${columns.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}
