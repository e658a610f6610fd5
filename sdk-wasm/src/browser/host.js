// The page or worker that the module runs in, as the module sees it: texts and numbers cross, never objects, so that the
// glue between the two stays small. Each client has a host; the module knows it by its number here.
export const hosts = []

/** From how many characters on a body is compressed: a batch of small events then still goes out in the task that made it. */
const COMPRESS_MIN_CHARS = 8192

/** What happens to a page, by the numbers that the module knows. `unload` and `beforeunload` would keep it out of the back/forward cache. */
const PAGE = { pagehide: 3, freeze: 2, resume: 4, online: 5 }

/** The kind of note that no client tells: a batch is about to be sent. `false` in answer holds it back. */
const SENDING = 6

export class Host {
  /** The module's client: hears what comes of things. None where a policy forbids that there be one. */
  core
  /** Fetches the fetchFullClient client: a promise of the function that has it go on from a state. */
  fetchFullClient
  #loading
  #takeOver
  #url
  #listener
  storage
  /** What all keys of this page's events begin with, and its producer, which that ends with. */
  #prefix
  producer
  /** What the module last returnedText. */
  returnedText
  #timer
  #timerAtMs = Infinity
  /** Requests that were not given up, by number. */
  #requests = new Map()
  #endLock
  /** How many calls into the module are under way: a web API that it uses may have been replaced by one that calls us. */
  #depth = 0
  /** What waits until the module is left. */
  #jobs = []

  /** `listener` hears every note, as the numbers and the text of `notes.rs`, and before a batch is sent `SENDING` and its bytes. */
  constructor(url, listener) {
    this.#url = url
    this.#listener = listener
    try {
      // A getter that throws where a policy forbids storage; not there in a worker.
      this.storage = globalThis.localStorage
    } catch {}
    const hear = (event) => this.#page(event)
    for (const name of ['pagehide', 'pageshow', 'online']) addEventListener(name, hear)
    for (const name of ['visibilitychange', 'freeze', 'resume']) globalThis.document?.addEventListener(name, hear)
  }

  /** Calls what the module's client has under this name, then does what that left to do: it may not be called while it is busy. */
  enter(name, a, b, c, d) {
    this.#depth += 1
    try {
      return this.core?.[name]?.(a, b, c, d)
    } finally {
      this.#depth -= 1
      if (!this.#depth) this.#leave()
    }
  }

  #leave() {
    const state = this.#takeOver && this.core.handOver()
    // Nothing while the first client is not at rest: it is asked again after the next call.
    if (state) {
      const takeOver = this.#takeOver
      this.#takeOver = undefined
      takeOver(state)
    }
    while (!this.#depth && this.#jobs.length) this.#jobs.shift()()
  }

  /** Fetches the fetchFullClient client, which takes over when it is there. Without it the first one goes on. */
  loadFullClient() {
    this.#loading ??= this.fetchFullClient().then(
      (takeOver) => {
        this.#takeOver = takeOver
        // Nothing but what is left to do.
        this.enter('')
      },
      () => (this.#loading = undefined),
    )
  }

  #page({ type, persisted }) {
    let what = PAGE[type]
    if (type === 'visibilitychange') what = document.visibilityState === 'hidden' ? 0 : 1
    // The first one of a page's life says nothing new.
    if (type === 'pageshow' && persisted) what = 4
    if (what >= 0) this.enter('page', what)
  }

  get(key) {
    try {
      return this.storage.getItem(key)
    } catch {}
  }

  /** 0 when it is stored, 1 when there is no room, 2 when there is no storage. */
  set(key, value) {
    if (!this.storage) return 2
    try {
      this.storage.setItem(key, value)
      return 0
    } catch {
      return 1
    }
  }

  /** The same with a key that ends in a number: what stands before it crosses once. */
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

  /** One call for all names: `key(i)` walks the table anew for each in some browsers. */
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

  /** Sets the timer, unless it fires early enough already: firing too early does nothing. */
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
        // What the page's own listener throws is not ours to handle here.
      }
    })
  }

  /** Does no more than file it: a page may have replaced `fetch` by something that tracks events itself. */
  postRequest(id, body, keepalive) {
    this.#jobs.push(() => this.#post(id, body, keepalive))
  }

  async #post(id, body, keepalive) {
    const controller = new AbortController()
    this.#requests.set(id, controller)
    let [status, waitMs, text] = [0, -1, '']
    try {
      if (this.#listener(SENDING, body.length) !== false) {
        // Never what is to outlive the page: there may be no later task to send it in.
        const compressed = !keepalive && body.length >= COMPRESS_MIN_CHARS && (await compress(body))
        if (!this.#requests.has(id)) return
        const answer = await fetch(this.#url, {
          method: 'POST',
          body: compressed || body,
          // Without naming the encoding, which is args by the first bytes: so that no preflight is asked for.
          headers: { 'content-type': 'text/plain' },
          credentials: 'omit',
          keepalive,
          signal: controller.signal,
        })
        text = await answer.text()
        status = answer.status
        const asked = answer.headers.get('retry-after')
        // Seconds, or a date (RFC 9110, 10.2.3).
        if (asked) waitMs = asked >= 0 ? asked * 1000 : Math.max(0, Date.parse(asked) - Date.now())
      }
    } catch {
      // A head without a body that could be read is no answer.
      status = 0
    }
    if (this.#requests.delete(id)) this.enter(/* @__KEY__ */ 'answered', id, status, waitMs, text)
  }

  abort(id) {
    this.#requests.get(id)?.abort()
    this.#requests.delete(id)
  }

  /**
   * Web Locks, as a sign of life only: they never guard storage. Refused in some frames: then beats tell. Asked for in a task of its
   * own, because a page that starts has other things to do: nobody looks for the lock of a page that is seconds old.
   */
  holdLock(name) {
    const lived = new Promise((end) => (this.#endLock = end))
    setTimeout(() => globalThis.navigator.locks?.request(name, () => lived).catch(() => {}))
  }

  releaseLock() {
    this.#endLock?.()
  }
}

// What only a fetchFullClient client asks for. Functions, not methods, so that a page downloads them with it.

/** Tells the host's client which Web Locks are held. */
export function listLocks(host) {
  globalThis.navigator.locks?.query().then(
    ({ held }) => host.enter('alive', held.map(({ name }) => name).join('\n')),
    () => {},
  )
}

/** Tells the host's client what `promise` has to tell, which is of work in the overflow. */
export function reportOverflow(host, id, promise) {
  const tell = (isDone) => (text) => host.enter(/* @__KEY__ */ 'overflowDone', id, isDone, isDone ? text : '')
  promise.then(tell(true), tell(false))
}

/**
 * The page that the person was first seen on, of which storage knows: this one, if of none, and from then on. None while consent
 * is withdrawn. Without `here`, storage forgets it.
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
    // Without storage, each page is where its visitor was first seen.
    return here
  }
}

/** The gzip form of a text, made off the page's own thread; nothing where browsers cannot. */
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

// For tests that are Rust's: they make a host themselves, and have storage count as blocked.
export const blockStorage = (at) => (hosts[at].storage = undefined)
export const open = (url, listener) => hosts.push(new Host(url, listener)) - 1
export const attach = (at, core) => (hosts[at].core = core)
