// Adds rows to the table of the page Live as the server stores events. The server renders each row,
// and sends them as server-sent events. The browser names the last one when it reconnects.
addEventListener('DOMContentLoaded', () => {
  const ROWS_MAX = 500
  const RATE_MS = 10_000
  const RECONNECT_MS_MAX = 30_000
  const body = document.querySelector('[data-live]')
  if (!body) {
    return
  }
  const part = (name) => document.querySelector(`[data-live-${name}]`)
  const [status, button, keep, rate, empty] = ['status', 'pause', 'keep', 'rate', 'empty'].map(part)

  /** Rows that are not in the table yet, the oldest first, and how many came. */
  let waiting = []
  let waitingCount = 0
  /** Why the table does not change: `reader`, `away`, or nothing. */
  let paused = ''
  let trouble = ''
  let hasGap = false
  let lastId = ''
  let wait = 1_000
  let isDrawing = false
  let arrivals = []

  function say() {
    const texts = []
    if (paused) {
      const why = paused === 'away' ? 'Paused, because this page is not in front' : 'Paused'
      const beyond = waitingCount > ROWS_MAX ? `, of which the newest ${ROWS_MAX} will be shown` : ''
      texts.push(`${why}: ${waitingCount} new ${waitingCount === 1 ? 'event' : 'events'} waiting${beyond}.`)
    }
    if (hasGap) {
      texts.push('Some events are missing here, because the server no longer knows the order of those. Events has all.')
    }
    if (trouble) {
      texts.push(trouble)
    }
    const text = texts.join(' ')
    if (status.textContent !== text) {
      status.textContent = text
      status.hidden = !text
    }
    button.textContent = paused === 'reader' ? 'Resume' : 'Pause'
    button.setAttribute('aria-pressed', String(paused === 'reader'))
  }

  function draw() {
    isDrawing = false
    if (paused) {
      return
    }
    for (const html of waiting) {
      const holder = document.createElement('tbody')
      holder.innerHTML = html
      const row = holder.firstElementChild
      // The first rows came with the page, and the stream may repeat some of them.
      if (row && !document.getElementById(row.id)) {
        row.classList.add('fresh')
        body.prepend(row)
      }
    }
    waiting = []
    waitingCount = 0
    while (body.rows.length > ROWS_MAX) {
      body.lastElementChild.remove()
    }
    empty.hidden = body.rows.length > 0
    say()
  }

  function drawSoon() {
    if (!isDrawing && !paused) {
      isDrawing = true
      // A page in the background draws nothing, so there a timer does it.
      document.visibilityState === 'visible' ? requestAnimationFrame(draw) : setTimeout(draw, 200)
    }
  }

  function connect() {
    const address = new URL(body.dataset.live, location.href)
    if (lastId) {
      address.searchParams.set('after', lastId)
    }
    const source = new EventSource(address)
    source.addEventListener('open', () => {
      trouble = ''
      wait = 1_000
      say()
    })
    source.addEventListener('event', (message) => {
      lastId = message.lastEventId
      arrivals.push(Date.now())
      waiting.push(message.data)
      waitingCount += 1
      if (waiting.length > ROWS_MAX) {
        waiting.shift()
      }
      paused ? say() : drawSoon()
    })
    source.addEventListener('gap', () => {
      hasGap = true
      say()
    })
    source.addEventListener('error', () => {
      trouble = 'Not connected to the server. Trying again. If this lasts, reload the page.'
      say()
      // The browser reconnects by itself after a cut, but not after an answer that is no stream.
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(connect, wait)
        wait = Math.min(2 * wait, RECONNECT_MS_MAX)
      }
    })
  }

  function pause(why) {
    paused = why
    say()
    drawSoon()
  }

  function leave() {
    if (!paused && !keep.checked) {
      pause('away')
    }
  }

  function comeBack() {
    if (paused === 'away') {
      pause('')
    }
  }

  button.hidden = false
  part('tools').hidden = false
  rate.hidden = false
  button.addEventListener('click', () => pause(paused === 'reader' ? '' : 'reader'))
  keep.addEventListener('change', comeBack)
  addEventListener('blur', leave)
  addEventListener('focus', comeBack)
  document.addEventListener('visibilitychange', () => (document.visibilityState === 'visible' ? comeBack() : leave()))
  setInterval(() => {
    const since = Date.now() - RATE_MS
    arrivals = arrivals.filter((time) => time > since)
    rate.textContent = `${((arrivals.length * 1_000) / RATE_MS).toFixed(1)} events per second`
  }, 1_000)
  connect()
})
