// What the console adds to pages that work without it: local times, the keyboard, copying, the
// theme, and questions before changes. No page needs it to be read or used.

const storage = {
  get: (name) => {
    try {
      return localStorage.getItem(`lamplight-console:${name}`)
    } catch {
      return null
    }
  },
  set: (name, value) => {
    try {
      localStorage.setItem(`lamplight-console:${name}`, value)
    } catch {
      // The choice holds until the page is left.
    }
  },
}

// The theme that the reader chose, before anything is drawn in another.
const root = document.documentElement
const theme = storage.get('theme')
if (theme === 'light' || theme === 'dark') {
  root.dataset.theme = theme
}

const shown = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})
const AGO = [
  [60_000, 1_000, 's'],
  [3_600_000, 60_000, 'min'],
  [86_400_000, 3_600_000, 'h'],
  [Number.POSITIVE_INFINITY, 86_400_000, 'd'],
]
/** How far the server's clock is ahead of the reader's, in milliseconds. */
let ahead = 0

function ago(time) {
  const passed = Date.now() + ahead - time
  if (passed < 1_000) {
    return 'now'
  }
  const [, unit, name] = AGO.find(([limit]) => passed < limit)
  return `${Math.floor(passed / unit)} ${name} ago`
}

function showTimes(within) {
  for (const tag of within.querySelectorAll('time[data-form]')) {
    const time = Date.parse(tag.dateTime)
    if (Number.isNaN(time)) {
      continue
    }
    tag.textContent = tag.dataset.form === 'ago' ? ago(time) : shown.format(time)
    tag.title = `${tag.dateTime}\n${shown.format(time)} (${shown.resolvedOptions().timeZone})`
  }
}

const rows = () =>
  [...document.querySelectorAll('main tr[data-href], main [data-row]')].filter((row) => row.offsetParent)

function move(step) {
  const all = rows()
  const now = all.findIndex((row) => row.hasAttribute('data-current'))
  const next = all[Math.min(Math.max(now + step, 0), all.length - 1)]
  all[now]?.removeAttribute('data-current')
  if (next) {
    next.setAttribute('data-current', '')
    next.scrollIntoView({ block: 'nearest' })
    next.querySelector('a')?.focus({ preventScroll: true })
  }
}

const HELP = [
  ['j', 'next row'],
  ['k', 'row before'],
  ['Enter', 'open the row'],
  ['/', 'filter'],
  ['g and then a letter', 'open a page: o overview, l live, e events, p completeness, q queues, r errors, s sources'],
  ['?', 'these keys'],
]
const PAGES = {
  o: '/overview',
  l: '/live',
  e: '/events',
  p: '/producers',
  q: '/queues',
  r: '/errors',
  s: '/sources',
  t: '/trends',
  a: '/alerts',
}

function help() {
  const dialog = document.createElement('dialog')
  const list = document.createElement('dl')
  list.className = 'facts'
  for (const [key, what] of HELP) {
    const name = document.createElement('dt')
    name.append(Object.assign(document.createElement('kbd'), { textContent: key }))
    list.append(name, Object.assign(document.createElement('dd'), { textContent: what }))
  }
  const title = Object.assign(document.createElement('h2'), { textContent: 'Keys' })
  const close = Object.assign(document.createElement('button'), { textContent: 'Close', autofocus: true })
  close.addEventListener('click', () => dialog.close())
  dialog.addEventListener('close', () => dialog.remove())
  const parts = document.createElement('div')
  parts.className = 'stack'
  parts.append(title, list, close)
  dialog.append(parts)
  document.body.append(dialog)
  dialog.showModal()
}

let goes = false
addEventListener('keydown', (event) => {
  const isTyping = event.target.closest?.('input, textarea, select, [contenteditable], dialog')
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) {
    return
  }
  const path = goes && PAGES[event.key]
  goes = event.key === 'g'
  if (path) {
    location.href = path
  } else if (event.key === 'j' || event.key === 'k') {
    move(event.key === 'j' ? 1 : -1)
  } else if (event.key === 'Enter') {
    const link = !event.target.closest?.('a, button, summary') && document.querySelector('[data-current] a')
    if (!link) {
      return
    }
    link.click()
  } else if (event.key === '/') {
    const field = document.querySelector('[data-filter], form.filters input:not([type=hidden])')
    if (!field) {
      return
    }
    field.focus()
    field.select?.()
  } else if (event.key === '?') {
    help()
  } else {
    return
  }
  event.preventDefault()
})

document.addEventListener('click', async (event) => {
  const button = event.target.closest?.('[data-copy], [data-theme-switch], [data-keys-help]')
  if (!button) {
    return
  }
  if ('themeSwitch' in button.dataset) {
    const isDark = root.dataset.theme
      ? root.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches
    root.dataset.theme = isDark ? 'light' : 'dark'
    storage.set('theme', root.dataset.theme)
  } else if ('keysHelp' in button.dataset) {
    help()
  } else {
    const source = document.getElementById(button.dataset.copy)
    const before = button.textContent
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent)
      button.textContent = 'Copied'
    } catch {
      getSelection()?.selectAllChildren(source)
      button.textContent = 'Selected: copy it'
    }
    setTimeout(() => {
      button.textContent = before
    }, 2_000)
  }
})

// A question before a change. Without this script the server shows a page that asks.
document.addEventListener(
  'submit',
  (event) => {
    const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm
    if (question && !confirm(question)) {
      event.preventDefault()
      event.stopImmediatePropagation()
    }
  },
  true,
)

// A choice takes effect at once. Without this script the form has a button.
document.addEventListener('change', (event) => {
  if (event.target.matches?.('[data-submits]')) {
    event.target.form.requestSubmit()
  }
})

function prepare(within) {
  for (const button of within.querySelectorAll('[data-theme-switch], [data-keys-help], [data-copy]')) {
    button.hidden = false
  }
  // The keyboard reaches what can be scrolled, also where the browser does not see to that.
  for (const area of within.querySelectorAll('.scroll')) {
    if (area.scrollWidth > area.clientWidth && !area.querySelector('a, button, input')) area.tabIndex = 0
  }
  showTimes(within)
}

/** The labels of a time axis, from years down to minutes, with a 24-hour clock. */
const DAY = '{MM}-{DD}'
const TIMES = [
  [31_536_000, '{YYYY}', null, null, null, null, null, null, 1],
  [2_419_200, '{YYYY}-{MM}', null, null, null, null, null, null, 1],
  [86_400, DAY, '\n{YYYY}', null, null, null, null, null, 1],
  [3_600, '{HH}:{mm}', `\n${DAY}`, null, `\n${DAY}`, null, null, null, 1],
  [60, '{HH}:{mm}', `\n${DAY}`, null, `\n${DAY}`, null, null, null, 1],
]

/** A large chart in place of the small one. */
function plot(place) {
  const data = JSON.parse(document.getElementById(place.dataset.plot).textContent)
  const style = getComputedStyle(root)
  const colour = (name) => style.getPropertyValue(`--${name}`)
  const lines = { stroke: colour('line'), width: 1 / devicePixelRatio }
  const axis = { stroke: colour('quiet'), grid: lines, ticks: lines }
  const size = () => ({ width: place.clientWidth, height: 300 })
  place.replaceChildren()
  const chart = new uPlot(
    {
      ...size(),
      scales: { y: { range: (_, low, high) => [Math.min(low ?? 0, 0), Math.max(high ?? 1, 1)] } },
      axes: [
        { ...axis, values: TIMES },
        { ...axis, size: 80 },
      ],
      series: [
        { value: '{YYYY}-{MM}-{DD} {HH}:{mm}' },
        { label: place.dataset.title, stroke: colour('chart'), width: 1.5 },
      ],
    },
    data,
    place,
  )
  new ResizeObserver(() => chart.setSize(size())).observe(place)
}

document.addEventListener('DOMContentLoaded', () => {
  ahead = Number(document.body.dataset.nowMs || Date.now()) - Date.now()
  prepare(document)
  for (const place of document.querySelectorAll('[data-plot]')) {
    plot(place)
  }
  setInterval(() => document.visibilityState === 'visible' && showTimes(document), 5_000)
  const form = document.querySelector('form[data-submit-at-once]')
  if (form && document.visibilityState === 'visible') {
    form.requestSubmit()
  }
})
document.addEventListener('htmx:load', (event) => prepare(event.detail.elt))

// A page that nobody sees asks for nothing, and a part with the focus is not replaced. The
// conditions of htmx would need `eval`, which pages may not use.
document.addEventListener('htmx:beforeRequest', (event) => {
  const isPoll = event.detail.elt.getAttribute('hx-trigger')?.startsWith('every ')
  if (isPoll && (document.visibilityState !== 'visible' || event.detail.elt.contains(document.activeElement))) {
    event.preventDefault()
  }
})
