// A tab of the demo: a Lamplight client that follows the dashboard's commands, and announces each
// event before making it.
import { init, type Lamplight } from 'lamplight'
import { Alternative, CHANCE } from './alternatives.ts'
import { lifeLockName, type Message, openChannel } from './channel.ts'
import { byId, setText } from './element.ts'
import { format } from './equation.ts'
import { FailureLog, failureText, failureWords } from './failure.ts'
import { Hammer } from './hammer.ts'
import { NAMESPACE } from './namespace.ts'
import { rangesOf } from './ranges.ts'
import { readConfig } from './server.ts'
import { readStatus } from './status.ts'

const STATUS_EVERY_MS = 500
/**
 * A browser may refuse to close a window that the user opened. Then the tab continues after this
 * time.
 */
const CLOSE_MS_MAX = 2_000

/** What is compared, with the numbers of its events if Lamplight makes them. */
type ComparedMethod = Pick<Alternative, 'made' | 'step' | 'end'> & { numbers?: number[] }

const LOCK: Record<string, string> = {
  idle: 'not requested',
  requesting: 'requests it',
  claiming: 'claims it',
  checking: 'claims it',
  held: 'holds it',
  releasing: 'releases it',
}

class DemoTab {
  readonly #id = newId()
  readonly #lamplight: Lamplight
  readonly #hammer = new Hammer()
  readonly #failures = new FailureLog()
  readonly #channel = openChannel((message) => this.#handle(message))
  #made = 0
  #returned = 0
  #isClosing = false
  #compared: ComparedMethod | undefined

  constructor(lamplight: Lamplight) {
    this.#lamplight = lamplight
    holdForLife(lifeLockName(this.#id))
    lamplight.on('error', (failure) => this.#failures.failed(failureWords(failure)))
    lamplight.on('delivered', () => this.#failures.succeeded(Date.now()))
    lamplight.on('adopted', (report) => {
      this.#failures.succeeded(Date.now())
      this.#channel.send({ kind: 'adopted', tab: this.#id, producer: report.producer, count: report.count })
    })
    addEventListener('pagehide', () => this.#announceClosing())
    addEventListener('pageshow', () => this.#sendStatus())
    byId('track-one').addEventListener('click', () => this.#make('clicked', 1))
    byId('track-thousand').addEventListener('click', () => this.#burst(1_000))
    setInterval(() => this.#sendStatus(), STATUS_EVERY_MS)
    this.#sendStatus()
  }

  #handle(message: Message): void {
    switch (message.kind) {
      case 'request_status':
        this.#sendStatus()
        break
      case 'name':
        if (message.tab === this.#id) this.#setNumber(message.number)
        break
      case 'tick':
        this.#make('hammered', this.#hammer.due(performance.now(), message.perSecond))
        break
      case 'burst':
        this.#burst(message.count)
        break
      case 'compare':
        this.#compared = message.way === 'lamplight' ? this.#lamplightItself() : new Alternative(this.#id, message.way)
        break
      case 'step':
        this.#compared?.step()
        break
      case 'compare_end':
        this.#compared?.end()
        this.#channel.send({
          kind: 'compared',
          tab: this.#id,
          made: this.#compared?.made ?? 0,
          numbers: rangesOf(this.#compared?.numbers ?? []),
        })
        this.#compared = undefined
        break
      case 'close':
        if (message.tab === undefined || message.tab === this.#id) this.#close()
        break
    }
  }

  /** Returns how long the calls of `track()` took, without the announcements. */
  #make(name: string, count: number): number {
    if (count === 0) return 0
    let tookMs = 0
    for (let index = 0; index < count; index += 1) {
      this.#made += 1
      this.#channel.send({ kind: 'making', tab: this.#id, made: this.#made })
      const properties = { n: this.#made, tab: document.title, visible: !document.hidden }
      const startedMs = performance.now()
      const { stored } = this.#lamplight.track(name, properties)
      tookMs += performance.now() - startedMs
      if (!stored) this.#channel.send({ kind: 'unstored', tab: this.#id, number: this.#made })
    }
    this.#returned = this.#made
    this.#channel.send({ kind: 'returned', tab: this.#id, made: this.#made, returned: this.#returned })
    return tookMs
  }

  /** Lamplight in a comparison, at the same rate as the alternatives. */
  #lamplightItself(): ComparedMethod {
    const numbers: number[] = []
    return {
      numbers,
      get made() {
        return numbers.length
      },
      step: () => {
        if (Math.random() > CHANCE) return
        this.#make('compared', 1)
        numbers.push(this.#made)
      },
      end: () => undefined,
    }
  }

  #burst(count: number): void {
    const tookMs = this.#make('burst', count)
    const each = Math.round((tookMs * 1_000) / count)
    setText(byId('timing'), `${format(count)} calls of track() took ${tookMs.toFixed(1)} ms, ${each} µs each.`)
    this.#sendStatus()
  }

  #sendStatus(): void {
    if (this.#isClosing) return
    const status = readStatus(this.#lamplight, this.#failures.last)
    this.#channel.send({ kind: 'status', tab: this.#id, made: this.#made, returned: this.#returned, status })
    setText(byId('made'), format(this.#made))
    setText(byId('waiting'), format(status.queued))
    setText(byId('sent'), format(status.sent))
    setText(byId('adopted'), format(status.adopted))
    setText(byId('lock'), LOCK[status.lockPhase] ?? status.lockPhase)
    setText(byId('error'), failureText(status.lastFailure, status.backoffMs) || 'none')
    setText(byId('producer'), status.producer)
  }

  /** Announces first, because Chromium closes such a window without a `pagehide`. */
  #close(): void {
    this.#announceClosing()
    this.#isClosing = true
    window.close()
    setTimeout(() => (this.#isClosing = false), CLOSE_MS_MAX)
  }

  #announceClosing(): void {
    this.#channel.send({ kind: 'closing', tab: this.#id, made: this.#made, returned: this.#returned })
  }

  #setNumber(number: number): void {
    document.title = `Tab ${number}`
    setText(byId('title'), `Tab ${number}`)
  }
}

function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * Holds the lock until the process ends. Pages over plain HTTP from another machine have no Web
 * Locks.
 */
function holdForLife(name: string): void {
  navigator.locks?.request(name, () => new Promise(() => undefined)).catch(() => undefined)
}

const config = await readConfig()
new DemoTab(init({ url: config.url, key: config.key, namespace: NAMESPACE }))
