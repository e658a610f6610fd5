// Posts a batch. This is JavaScript because it is a sequence of promises: in Rust, it would take
// three times as many bytes of every page.

/**
 * From how many characters on a body is compressed. A batch of small events still goes out in the
 * task that made it.
 */
const COMPRESS_MIN_CHARS = 8192

/** What `smallMax` is for a request that outlives the page whatever its size. */
const ANY_SIZE = 2 ** 32 - 1

/**
 * Returns what cancels the request, and says how many of its bytes outlive the page. `done` is
 * called once, unless the request is cancelled.
 */
export function post(url, body, smallMax, done) {
  let controller
  let isCancelled = false
  const request = {
    outliving: 0,
    abort() {
      isCancelled = true
      controller?.abort()
    },
  }
  try {
    controller = new AbortController()
    // `fetch` refuses the signal of a polyfill, and would never send anything.
    new Request(url, controller)
  } catch {
    controller = undefined
  }
  send(url, body, smallMax, controller?.signal, request)
    // A head without a readable body is no response.
    .catch(() => [0, -1, ''])
    .then((answer) => isCancelled || done(...answer))
  return request
}

async function send(url, text, smallMax, signal, request) {
  // A request of a page that is about to close is not compressed: there may be no later task to
  // send it in.
  const body = (smallMax !== ANY_SIZE && text.length >= COMPRESS_MIN_CHARS && (await compress(text))) || text
  // The text is ASCII.
  const bytes = body.byteLength ?? body.length
  const keepalive = bytes <= smallMax
  if (keepalive) request.outliving = bytes
  const response = await fetch(url, {
    method: 'POST',
    body,
    // No `content-encoding`, which the server detects from the first bytes, so that no CORS
    // preflight is needed.
    headers: { 'content-type': 'text/plain' },
    credentials: 'omit',
    keepalive,
    signal,
  })
  const answer = await response.text()
  const retryAfter = response.headers.get('retry-after')
  // Seconds, or a date (RFC 9110, section 10.2.3).
  const waitMs = retryAfter >= 0 ? retryAfter * 1000 : Math.max(0, Date.parse(retryAfter) - Date.now())
  return [response.status, retryAfter ? waitMs : -1, answer]
}

/** The gzip form of a text, compressed off the main thread; undefined where the browser cannot. */
async function compress(text) {
  try {
    return await new Response(new Response(text).body.pipeThrough(new CompressionStream('gzip'))).arrayBuffer()
  } catch {}
}
