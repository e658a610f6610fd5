/**
 * The script that the server serves at `/lamplight.js`, for pages without a bundler.
 *
 * <!-- stores: page, opened -->
 * ```html
 * <script>((l) => l.q && 'track page identify reset increment gauge timing setConsent forget use on'.split(' ').forEach((name) => {
 *   l[name] = (...given) => { try { given = structuredClone(given) } catch {} l.q.push([name, Date.now(), given, location.href]) } }))(window.lamplight ??= { q: [] })</script>
 * <script async src="https://t.example.com/lamplight.js" data-key="wk_try_me_now" data-auto></script>
 * <script>lamplight.track('opened', { early: true })</script>
 * ```
 *
 * The first tag queues calls made before the script has loaded. The script then makes them in their
 * order, each with the time, the arguments and the address of the page at the time of the call; a
 * queued call returns `undefined`. Arguments that cannot be cloned, such as functions and elements,
 * are queued as they are. Without the first tag, wait for the script's `load` event.
 *
 * `data-url` (default: the script's origin and folder), `data-path`, `data-namespace`,
 * `data-release`, `data-consent`, `data-sample-rate` and `data-respect-gpc` set the options of
 * those names. `data-auto` watches the page as `lamplight/auto` does: everything, or only what it
 * lists of `pages clicks errors`.
 *
 * @module lamplight/snippet
 */
import { auto } from './auto.ts'
import type { Client } from './client.ts'
import { init } from './index.ts'
import { messageOf } from './json.ts'
import { tag } from './tag.ts'
import type { AnyLamplight, Options } from './types.ts'

/**
 * A call made before the script loaded: the method's name, the time, the arguments, and the page's
 * address, which older tags do not record.
 */
export type Early = [name: string, ts: number, args: unknown[], href?: string]

declare global {
  interface Window {
    lamplight?: AnyLamplight | { q: Early[] }
  }
}

/** The position of each method's options, which accept a time. */
const OPTIONS_AT: Record<string, number> = { track: 2, page: 1, identify: 2, increment: 2, gauge: 2, timing: 2 }

function start({ dataset, src }: HTMLScriptElement): void {
  const before = window.lamplight
  if (before && !('q' in before)) return
  const lamplight = init(optionsOf(dataset, src))
  window.lamplight = lamplight
  if (before) {
    for (const call of before.q) replay(lamplight, call)
    // Code that kept a reference to the queue still calls it.
    before.q.push = (...calls) => {
      for (const call of calls) replay(lamplight, call)
      return 0
    }
  }
  const { auto: watched } = dataset
  if (watched === undefined) return
  const names = watched.split(/[\s,]+/)
  const isWatched = (name: string): boolean => watched === '' || names.includes(name)
  auto(lamplight, { pages: isWatched('pages'), clicks: isWatched('clicks'), errors: isWatched('errors') })
}

function optionsOf(
  { key = '', url, path, namespace, release, consent, sampleRate, respectGpc }: DOMStringMap,
  src: string,
): Options {
  return {
    key,
    url: url ?? new URL('.', src).href,
    ...(path && { path }),
    ...(namespace && { namespace }),
    ...(release && { release }),
    ...(consent && { consent: consent as NonNullable<Options['consent']> }),
    ...(sampleRate && { sampleRate: Number(sampleRate) }),
    respectGpc: respectGpc !== 'false',
  }
}

function replay(lamplight: AnyLamplight, [name, ts, given, href]: Early): void {
  const method = (lamplight as unknown as Record<string, unknown>)[name]
  if (typeof method !== 'function') return
  const at = OPTIONS_AT[name]
  const args = [...given]
  if (at !== undefined) args[at] = { ts, ...(args[at] as object | undefined) }
  if (name === 'page' && href) args[0] = { url: href, path: new URL(href).pathname, ...(args[0] as object | undefined) }
  ;(lamplight as unknown as Client).callAt(href, () => method.apply(lamplight, args))
}

// Where there is no page, the script does nothing.
try {
  if (tag) start(tag)
} catch (error) {
  // The SDK never breaks its page; the console says why nothing arrives.
  console.error(messageOf(error))
}
