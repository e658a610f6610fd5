// Posts a batch. This is JavaScript because it is a sequence of promises: in Rust, it would take
// three times as many bytes of every page.

/**
 * From how many characters on a body is compressed. A batch of small events still goes out in the
 * task that made it.
 */
const COMPRESS_MIN_CHARS = 8192

/** Returns what cancels the request. `done` is called once, unless the request is cancelled. */
export function post(url, body, keepalive, done) {
  let controller
  let isCancelled = false
  try {
    controller = new AbortController()
    // `fetch` refuses the signal of a polyfill, and would never send anything.
    new Request(url, controller)
  } catch {
    controller = undefined
  }
  send(url, body, keepalive, controller?.signal)
    // A head without a readable body is no response.
    .catch(() => [0, -1, ''])
    .then((answer) => isCancelled || done(...answer))
  return {
    abort() {
      isCancelled = true
      controller?.abort()
    },
  }
}

async function send(url, body, keepalive, signal) {
  // Requests that should outlive the page are not compressed: there may be no later task to send
  // them in.
  const compressed = !keepalive && body.length >= COMPRESS_MIN_CHARS && (await compress(body))
  const response = await fetch(url, {
    method: 'POST',
    body: compressed || body,
    // No `content-encoding`, which the server detects from the first bytes, so that no CORS
    // preflight is needed.
    headers: { 'content-type': 'text/plain' },
    credentials: 'omit',
    keepalive,
    signal,
  })
  const text = await response.text()
  const retryAfter = response.headers.get('retry-after')
  // Seconds, or a date (RFC 9110, section 10.2.3).
  const waitMs = retryAfter >= 0 ? retryAfter * 1000 : Math.max(0, Date.parse(retryAfter) - Date.now())
  return [response.status, retryAfter ? waitMs : -1, text]
}

/** The gzip form of a text, compressed off the main thread; undefined where the browser cannot. */
async function compress(text) {
  try {
    return await new Response(new Response(text).body.pipeThrough(new CompressionStream('gzip'))).arrayBuffer()
  } catch {}
}
