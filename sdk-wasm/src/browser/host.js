// The module's view of the page or worker that it runs in. Only texts and numbers cross, never
// objects, so that the glue between the two stays small. Each client has a host, which the module
// knows by its number here.
export const hosts = []

/**
 * From how many characters on a body is compressed. A batch of small events still goes out in the
 * task that made it.
 */
const COMPRESS_MIN_CHARS = 8192

/**
 * Page events, by the numbers that the module knows. `unload` and `beforeunload` would keep the
 * page out of the back/forward cache.
 */
const PAGE_EVENTS = { pagehide: 3, freeze: 2, resume: 4, online: 5 }

/**
 * A note that no client sends: a batch is about to be sent. A listener that returns `false` holds
 * it back.
 */
const SENDING = 6

export class Host {
  /**
   * The module's client, which takes the results. Undefined where a policy forbids every client.
   */
  core
  /** Loads the full client: a promise of the function that continues from a state. */
  fetchFullClient
  #loading
  #takeOver
  #url
  #listener
  storage
  /** The prefix of the keys of this page's events, and the producer at its end. */
  #prefix
  producer
  /** The text that the module returned last. */
  returnedText
  #timer
  #timerAtMs = Infinity
  /** Requests that were not cancelled, by number. */
  #requests = new Map()
  #endLock
  /**
   * How many calls into the module are under way. A web API that it uses may have been replaced by
   * one that calls us.
   */
  #depth = 0
  /** What runs after the last call into the module has returned. */
  #jobs = []

  /**
   * `listener` takes every note, as the numbers and the text of `notes.rs`, and before a batch is
   * sent `SENDING` and its bytes.
   */
  constructor(url, listener) {
    this.#url = url
    this.#listener = listener
    try {
      // A getter that throws where a policy forbids storage. Workers do not have it.
      this.storage = globalThis.localStorage
    } catch {}
    const listen = (event) => this.#pageEvent(event)
    for (const name of ['pagehide', 'pageshow', 'online']) addEventListener(name, listen)
    for (const name of ['visibilitychange', 'freeze', 'resume']) globalThis.document?.addEventListener(name, listen)
  }

  /**
   * Calls a method of the module's client, then runs the queued jobs. The client must not be called
   * while it is busy.
   */
  enter(name, a, b, c, d) {
    this.#depth += 1
    try {
      return this.core?.[name]?.(a, b, c, d)
    } finally {
      this.#depth -= 1
      if (!this.#depth) this.#runJobs()
    }
  }

  #runJobs() {
    const state = this.#takeOver && this.core.handOver()
    // Without a state, the first client is not idle: it is asked again after the next call.
    if (state) {
      const takeOver = this.#takeOver
      this.#takeOver = undefined
      takeOver(state)
    }
    while (!this.#depth && this.#jobs.length) this.#jobs.shift()()
  }

  /**
   * Loads the full client, which takes over when it is there. Without it, the first client
   * continues.
   */
  loadFullClient() {
    this.#loading ??= this.fetchFullClient().then(
      (takeOver) => {
        this.#takeOver = takeOver
        // Runs the handover as soon as the first client is idle.
        this.enter('')
      },
      () => (this.#loading = undefined),
    )
  }

  #pageEvent({ type, persisted }) {
    let number = PAGE_EVENTS[type]
    if (type === 'visibilitychange') number = document.visibilityState === 'hidden' ? 0 : 1
    // The first `pageshow` of a page's life says nothing new.
    if (type === 'pageshow' && persisted) number = 4
    if (number >= 0) this.enter('page', number)
  }

  get(key) {
    try {
      return this.storage.getItem(key)
    } catch {}
  }

  /** 0 when it was stored, 1 when there is no room, 2 when there is no storage. */
  set(key, value) {
    if (!this.storage) return 2
    try {
      this.storage.setItem(key, value)
      return 0
    } catch {
      return 1
    }
  }

  /** The same with a key that ends in a number: its prefix crosses only once. */
  setNumbered(number, value) {
    return this.set(this.#prefix + number, value)
  }

  setEventPrefix(prefix) {
    this.#prefix = prefix
    this.producer = prefix.slice(-27, -1)
  }

  remove(key) {
    try {
      this.storage.removeItem(key)
    } catch {}
  }

  /** One call for all names, because in some browsers each `key(i)` walks the table again. */
  keys(prefix) {
    try {
      return Object.keys(this.storage)
        .filter((key) => key.startsWith(prefix))
        .join('\n')
    } catch {
      return ''
    }
  }

  sizeExcluding(prefix, own) {
    let size = 0
    for (const key of this.keys(prefix).split('\n'))
      if (!key.startsWith(own)) size += key.length + (this.get(key)?.length ?? 0)
    return size
  }

  /** Sets the timer unless it fires early enough already. Firing too early is harmless. */
  setTimer(waitMs) {
    const atMs = performance.now() + waitMs
    if (this.#timerAtMs <= atMs) return
    clearTimeout(this.#timer)
    this.#timerAtMs = atMs
    this.#timer = setTimeout(() => {
      this.#timerAtMs = Infinity
      this.enter(/* @__KEY__ */ 'timerFired')
    }, waitMs)
  }

  note(...args) {
    this.#jobs.push(() => {
      try {
        this.#listener(...args)
      } catch {
        // Errors of the page's own listener are not ours to handle.
      }
    })
  }

  /**
   * Only queues the request: the page may have replaced `fetch` with a function that tracks events
   * itself.
   */
  postRequest(id, body, keepalive) {
    this.#jobs.push(() => this.#post(id, body, keepalive))
  }

  async #post(id, body, keepalive) {
    const controller = new AbortController()
    this.#requests.set(id, controller)
    let [status, waitMs, text] = [0, -1, '']
    try {
      if (this.#listener(SENDING, body.length) !== false) {
        // Requests that should outlive the page are not compressed: there may be no later task to
        // send them in.
        const compressed = !keepalive && body.length >= COMPRESS_MIN_CHARS && (await compress(body))
        if (!this.#requests.has(id)) return
        const response = await fetch(this.#url, {
          method: 'POST',
          body: compressed || body,
          // No `content-encoding`, which the server detects from the first bytes, so that no CORS
          // preflight is needed.
          headers: { 'content-type': 'text/plain' },
          credentials: 'omit',
          keepalive,
          signal: controller.signal,
        })
        text = await response.text()
        status = response.status
        const retryAfter = response.headers.get('retry-after')
        // Seconds, or a date (RFC 9110, section 10.2.3).
        if (retryAfter) waitMs = retryAfter >= 0 ? retryAfter * 1000 : Math.max(0, Date.parse(retryAfter) - Date.now())
      }
    } catch {
      // A head without a readable body is no response.
      status = 0
    }
    if (this.#requests.delete(id)) this.enter(/* @__KEY__ */ 'answered', id, status, waitMs, text)
  }

  abort(id) {
    this.#requests.get(id)?.abort()
    this.#requests.delete(id)
  }

  /**
   * The Web Lock only shows that the page lives; it never guards storage. Some frames refuse it,
   * and then heartbeats tell. It is requested in a task of its own, because a starting page has
   * other work and no tab looks for the lock of a page that is seconds old.
   */
  holdLock(name) {
    const pageLives = new Promise((end) => (this.#endLock = end))
    setTimeout(() => globalThis.navigator.locks?.request(name, () => pageLives).catch(() => {}))
  }

  releaseLock() {
    this.#endLock?.()
  }
}

// What only a full client needs. These are functions, not methods, so that a page downloads them
// with it.

/** Passes the names of the held Web Locks to the client. */
export function listLocks(host) {
  globalThis.navigator.locks?.query().then(
    ({ held }) => host.enter('alive', held.map(({ name }) => name).join('\n')),
    () => {},
  )
}

/** Passes the result of an overflow operation to the client. */
export function reportOverflow(host, id, promise) {
  const report = (isDone) => (text) => host.enter(/* @__KEY__ */ 'overflowDone', id, isDone, isDone ? text : '')
  promise.then(report(true), report(false))
}

/**
 * The page on which the person was first seen: the stored one, or else `here`, which is then
 * stored. Undefined while consent is withdrawn. Without `here`, deletes the stored one.
 */
export function landing(namespace, here) {
  try {
    const key = `${namespace}:f`
    if (!here) delete localStorage[key]
    else if (!localStorage[`${namespace}:o`]) {
      localStorage[key] ||= JSON.stringify(here)
      return JSON.parse(localStorage[key])
    }
  } catch {
    // Without storage, every page is the first one.
    return here
  }
}

/** The gzip form of a text, compressed off the main thread; undefined where the browser cannot. */
async function compress(text) {
  try {
    return await new Response(new Response(text).body.pipeThrough(new CompressionStream('gzip'))).arrayBuffer()
  } catch {}
}

// What the module imports.
export const get = (at, key) => hosts[at].get(key)
export const size = (at, key) => hosts[at].get(key)?.length ?? 0
export const set = (at, key, value) => hosts[at].set(key, value)
export const setNumbered = (at, number, value) => hosts[at].setNumbered(number, value)
export const setEventPrefix = (at, text) => hosts[at].setEventPrefix(text)
export const remove = (at, key) => hosts[at].remove(key)
export const keys = (at, prefix) => hosts[at].keys(prefix)
export const sizeExcluding = (at, prefix, own) => hosts[at].sizeExcluding(prefix, own)
export const wallMs = () => Date.now()
export const monotonicMs = () => performance.now()
export const randomBits = () => crypto.getRandomValues(new Uint32Array(1))[0]
export const setTimer = (at, waitMs) => hosts[at].setTimer(waitMs)
export const note = (at, ...args) => hosts[at].note(...args)
export const returnText = (at, text) => (hosts[at].returnedText = text)
export const postRequest = (at, id, body, keepalive) => hosts[at].postRequest(id, body, keepalive)
export const abort = (at, id) => hosts[at].abort(id)
export const holdLock = (at, name) => hosts[at].holdLock(name)
export const releaseLock = (at) => hosts[at].releaseLock()
export const queryLocks = (at) => listLocks(hosts[at])
export const loadFullClient = (at) => hosts[at].loadFullClient()
export const awaitOverflow = (at, id, promise) => reportOverflow(hosts[at], id, promise)

// For the module's own tests, which are Rust: they create a host and can block its storage.
export const blockStorage = (at) => (hosts[at].storage = undefined)
export const open = (url, listener) => hosts.push(new Host(url, listener)) - 1
export const attach = (at, core) => (hosts[at].core = core)
