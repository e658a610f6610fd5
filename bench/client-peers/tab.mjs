// A visitor: one profile of a browser, in which a peer's pages are open.
import { chromium } from '@playwright/test'
import { crash, FLAGS } from '../client/browser.mjs'
import { startStandIn } from './stand_in/server.mjs'

/** A visitor with an ordinary browser: some peers send nothing for an automated one. */
const ORDINARY = ['--disable-blink-features=AutomationControlled']

export const launch = () =>
  chromium.launch({ executablePath: process.env.LAMPLIGHT_CHROMIUM, args: [...FLAGS, ...ORDINARY] })

/** For the driver of the browser, on a machine that has more to do than it can. */
const TIMEOUT_MS = 120_000

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * Calls `act` with a server that is up and answers after `answerMs`, and a visitor whose pages send
 * to it. Afterwards the visitor leaves and the server stops.
 */
export async function withVisitor(peer, { browser, origin, upstream, answerMs }, act) {
  const standIn = await startStandIn(upstream, answerMs)
  try {
    const visitor = await Visitor.arrive(browser, { origin, peer, url: standIn.url })
    try {
      return await act({ standIn, visitor })
    } finally {
      await visitor.leave()
    }
  } finally {
    await standIn.stop()
  }
}

export class Visitor {
  #context
  #origin
  #peer
  #url

  /** A visitor of the site at `origin`, whose pages send to `url`. */
  static async arrive(browser, { origin, peer, url }) {
    const visitor = new Visitor()
    const userAgent = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${browser.version()} Safari/537.36`
    visitor.#context = await browser.newContext({ userAgent })
    visitor.#context.setDefaultTimeout(TIMEOUT_MS)
    await visitor.#context.addInitScript(countWrites)
    visitor.#origin = origin
    visitor.#peer = peer
    visitor.#url = url
    return visitor
  }

  get url() {
    return this.#url
  }

  address(query = '') {
    return `${this.#origin}/${this.#peer.name}/${query}`
  }

  /** Opens a page in a new tab, which has its own renderer process, and starts the peer. */
  async open(query = '') {
    const page = await this.#context.newPage()
    await page.goto(this.address(query))
    await this.start(page)
    return page
  }

  /** Opens a page without starting the peer. */
  async openIdle(query = '') {
    const page = await this.#context.newPage()
    await page.goto(this.address(query))
    await ready(page)
    return page
  }

  async start(page) {
    await ready(page)
    await page.evaluate((url) => globalThis.bench.start(url), this.#url)
  }

  leave() {
    return this.#context.close()
  }
}

const ready = (page) => page.waitForFunction(() => globalThis.bench)

/** Tracks events in one task, or one every `everyMs`. */
export async function track(page, from, count, everyMs = 0) {
  await page.evaluate(
    async ([from, count, everyMs]) => {
      const events = globalThis.bench.events(from, count)
      if (!everyMs) return globalThis.bench.trackAll(events)
      for (const event of events) {
        globalThis.bench.trackAll([event])
        await new Promise((resolve) => setTimeout(resolve, everyMs))
      }
    },
    [from, count, everyMs],
  )
}

/** Tracks events and follows a link in the same task. */
export async function trackAndLeave(page, from, count, address) {
  const arrived = page.waitForURL(address)
  await page.evaluate(
    ([from, count, address]) => {
      globalThis.bench.trackAll(globalThis.bench.events(from, count))
      location.href = address
    },
    [from, count, address],
  )
  await arrived
}

/** Kills the tab's process. No handler of the page runs. */
export async function kill(page) {
  await crash(page)
  await page.close()
}

/** What the page has written to storage since it was loaded, and what is there now. */
export const storageOf = (page) =>
  page.evaluate(() => {
    let keptBytes = 0
    for (const [key, value] of Object.entries(localStorage)) keptBytes += key.length + value.length
    return { ...globalThis.benchWrites, keptBytes }
  })

/** Waits until `isDone`, for `ms` at most. Returns whether it was done. */
export async function until(isDone, ms) {
  for (const end = performance.now() + ms; performance.now() < end; await pause(100)) if (isDone()) return true
  return isDone()
}

/** Runs in each page before its own scripts: counts what they write to storage. */
function countWrites() {
  globalThis.benchWrites = { localStorageWrites: 0, localStorageBytes: 0, indexedDbWrites: 0, indexedDbBytes: 0 }
  const writes = globalThis.benchWrites
  const { setItem } = Storage.prototype
  Storage.prototype.setItem = function (key, value) {
    if (this === globalThis.localStorage) {
      writes.localStorageWrites += 1
      writes.localStorageBytes += String(key).length + String(value).length
    }
    return setItem.call(this, key, value)
  }
  const sizeOf = (value) => value?.byteLength ?? value?.size ?? JSON.stringify(value)?.length ?? 0
  for (const name of ['put', 'add']) {
    const write = IDBObjectStore.prototype[name]
    IDBObjectStore.prototype[name] = function (value, ...key) {
      writes.indexedDbWrites += 1
      writes.indexedDbBytes += sizeOf(value)
      return write.call(this, value, ...key)
    }
  }
}
