// Warns developers about mistakes: one `console.warn` for each kind, with what to do. It also says
// where the server shows the page's events. A chunk that only pages with the option `debug`, and
// those on the developer's machine, fetch.
import { consoleLinks } from './debug/console_links.ts'
import { nearest } from './debug/nearest.ts'
import { explainRefusal } from './debug/refusals.ts'
import type { Dropped, DropReason, Failure, Options } from './types.ts'

/** Every option, with the names in it. */
const OPTIONS: Record<keyof Options, readonly string[]> = {
  url: [],
  key: [],
  path: [],
  intervalMs: [],
  maxEvents: [],
  maxBytes: [],
  namespace: [],
  liveness: [],
  storage: ['maxBytes', 'overflowMaxBytes'] satisfies (keyof NonNullable<Options['storage']>)[],
  consent: [],
  respectGpc: [],
  sampleRate: [],
  release: [],
  context: [],
  debug: [],
  beforeEnqueue: [],
  beforeSend: [],
}

/** What to do about dropped events; undefined if that is no mistake. */
const DROPPED: Record<DropReason, string | undefined> = {
  quota: 'neither localStorage nor IndexedDB has room for more events: send fewer, or raise storage.overflowMaxBytes',
  rejected: 'the server can never store it: look at its properties, and at the rejected requests in the server’s log',
  // An error says which part of the event.
  too_large: undefined,
  opted_out: undefined,
}

/** The hosts of a developer's own machine. The page has looked at the host only roughly. */
const LOCAL = /^(127(\.\d+){3}|\[::1\]|(.+\.)?localhost)$/

/** The kinds that were reported on this page. */
const told = new Set<string>()

/**
 * Checks the names of options, and returns what takes the notes that listeners get. `page` has the
 * page's producer once there is one: while consent is pending there is none, and the page's first
 * note is the first sign of one.
 */
export function warnings(options: Options, url: string, page: { producer: string }): (note: object) => void {
  if (options.debug === undefined && !LOCAL.test(location.hostname)) return () => {}
  checkNames(options, Object.keys(OPTIONS), '')
  if (typeof options.storage === 'object' && options.storage) checkNames(options.storage, OPTIONS.storage, 'storage.')
  let isLinked = false
  const link = (): void => {
    if (isLinked || !page.producer) return
    isLinked = true
    console.info(consoleLinks(url, options.path, page.producer))
  }
  link()
  return (note) => {
    link()
    if ('message' in note) void explain(note as Failure, url)
    // A dropped event. Delivered ones have no reason.
    else if ('reason' in note) tellDropped((note as Dropped).reason)
  }
}

function tellDropped(reason: DropReason): void {
  const advice = DROPPED[reason]
  if (advice) warn(`dropped ${reason}`, `an event was dropped (${reason}): ${advice}`)
}

async function explain({ message, status }: Failure, url: string): Promise<void> {
  // Names and values in quotes do not make another kind of mistake.
  const kind = status === undefined ? message.replace(/'[^']*'/g, "''") : `status ${status}`
  if (!told.has(kind)) warn(kind, status === undefined ? message : await explainRefusal(status, url))
}

/** Warns about names that are not `known`, with the one that was probably meant. */
function checkNames(given: object, known: readonly string[], prefix: string): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    // The script's tag also has attributes that are not ours.
    const attribute = /^data-(.*)$/.exec(name)?.[1]
    const meant = nearest(attribute ?? name, attribute === undefined ? known : [...known, 'auto'])
    const text = attribute === undefined ? (name: string) => `option '${prefix}${name}'` : attributeText
    if (meant) warn(`option ${prefix}${name}`, `unknown ${text(attribute ?? name)}: did you mean ${text(meant)}?`)
    else if (attribute === undefined)
      warn(
        `option ${prefix}${name}`,
        `unknown ${text(name)}: the options are ${known.map((one) => prefix + one).join(', ')}`,
      )
  }
}

function attributeText(name: string): string {
  return `attribute data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

function warn(kind: string, text: string): void {
  if (told.has(kind)) return
  const hint = told.size ? '' : ' (The option debug: false turns these warnings off.)'
  told.add(kind)
  console.warn(`lamplight: ${text}${hint}`)
}
