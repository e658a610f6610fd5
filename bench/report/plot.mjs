// Draws a plot as SVG: a bar, or a point on a logarithmic scale, for each median, and a line for
// the range of the runs. Colors follow the reader's choice of light or dark.

const WIDTH = 720
const NAMES = 200
const FIGURES = 200
const ROW = 26
const TOP = 52
const SCALE = WIDTH - NAMES - FIGURES
/** From this ratio of the largest to the smallest median on, the scale is logarithmic. */
const LOGARITHMIC_FROM = 100

const STYLE = `
text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600;font-size:15px}.unit,.range{fill:#59636e}
.range{font-size:12px}.peer{fill:#8c959f}.own{fill:#0969da}.whisker{stroke:#1f2328;stroke-width:1.5}.guide{stroke:#d1d9e0}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.unit,.range{fill:#9198a1}.peer{fill:#656c76}.own{fill:#4493f8}
.whisker{stroke:#f0f6fc}.guide{stroke:#3d444d}}`

const escaped = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)

export const isOwn = ({ name }) => name.startsWith('Lamplight')

/** A number as a label has it. */
export function label(value) {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))
  return value.toLocaleString('en-US', { maximumFractionDigits: Math.min(2, digits) })
}

/**
 * The SVG text of `{ title, unit, better?, bars: [{ name, median, low, high }] }`. `better` is
 * 'less' or 'more'.
 */
export function drawn({ title, unit, better, bars }) {
  const isLogarithmic = needsLogarithm(bars)
  const at = isLogarithmic ? logarithmic(bars) : linear(bars)
  const height = TOP + bars.length * ROW + 10
  const rows = bars.map((bar, index) => row(bar, TOP + index * ROW, at, isLogarithmic))
  const what = [unit, better && `${better} is better`, isLogarithmic && 'logarithmic'].filter((text) => text).join(', ')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escaped(title)}</title><style>${STYLE}</style>
<text class="title" x="0" y="18">${escaped(title)}</text>
<text class="unit" x="0" y="37">${escaped(what)}</text>
${rows.join('\n')}
</svg>
`
}

function needsLogarithm(bars) {
  const positive = bars.map(({ median }) => median).filter((median) => median > 0)
  return Math.max(...positive) / Math.min(...positive) >= LOGARITHMIC_FROM
}

function linear(bars) {
  const most = Math.max(...bars.map(({ high }) => high), Number.MIN_VALUE)
  return (value) => (value / most) * SCALE
}

/** A decade begins at the left edge, where zero is, too. */
function logarithmic(bars) {
  const positive = bars.flatMap(({ low, median, high }) => [low, median, high]).filter((value) => value > 0)
  const first = Math.floor(Math.log10(Math.min(...positive)))
  const last = Math.log10(Math.max(...positive))
  return (value) => (value > 0 ? (Math.max(0, Math.log10(value) - first) / (last - first)) * SCALE : 0)
}

function row(bar, top, at, isLogarithmic) {
  const [low, median, high] = [bar.low, bar.median, bar.high].map((value) => NAMES + at(value))
  const middle = top + ROW / 2
  const kind = isOwn(bar) ? 'own' : 'peer'
  const fixed = (value) => value.toFixed(1)
  const parts = [`<text x="${NAMES - 10}" y="${middle + 4}" text-anchor="end">${escaped(bar.name)}</text>`]
  if (isLogarithmic) {
    parts.push(`<line class="guide" x1="${NAMES}" y1="${middle}" x2="${NAMES + SCALE}" y2="${middle}"/>`)
    parts.push(`<circle class="${kind}" cx="${fixed(median)}" cy="${middle}" r="6"/>`)
  } else {
    const width = fixed(Math.max(1, median - NAMES))
    parts.push(`<rect class="${kind}" x="${NAMES}" y="${top + 4}" width="${width}" height="${ROW - 8}" rx="2"/>`)
  }
  const figures = bar.low === bar.high ? '' : ` <tspan class="range">${label(bar.low)}–${label(bar.high)}</tspan>`
  if (bar.low !== bar.high)
    parts.push(`<line class="whisker" x1="${fixed(low)}" y1="${middle}" x2="${fixed(high)}" y2="${middle}"/>`)
  parts.push(`<text x="${NAMES + SCALE + 12}" y="${middle + 4}">${label(bar.median)}${figures}</text>`)
  return parts.join('')
}
