/**
 * The script that the server serves at `/lamplight.js`, for pages without a bundler.
 *
 * <!-- stores: page, opened -->
 * ```html
 * <script>((l) => { if (!l.q) return
 *   const call = (name, given) => new Promise((done) => {
 *     try { given = structuredClone(given) } catch {}
 *     l.q.push([name, Date.now(), given, location.href, done])
 *   })
 *   for (const name of 'track page increment gauge timing timer identify reset setConsent forget use flush delivered stats on close'.split(' '))
 *     l[name] = (...given) => call(name, given)
 *   l.on = (...given) => { const off = call('on', given); return () => off.then((stop) => stop()) }
 *   l.timer = (metric, options, since = Date.now()) => () => l.timing(metric, Date.now() - since, options)
 * })(window.lamplight ??= { q: [] })</script>
 * <script async src="https://t.example.com/lamplight.js" data-key="wk_try_me_now" data-auto></script>
 * <script>lamplight.track('opened', { early: true })</script>
 * ```
 *
 * The first tag queues calls made before the script has loaded. The script then makes them in their
 * order, each with the time, the arguments and the address of the page at the time of the call.
 * Arguments that cannot be cloned, such as functions and elements, are queued as they are. A queued
 * call returns a promise of its result; `timer` and `on` return a function, as always. Without the
 * first tag, wait for the script's `load` event.
 *
 * `data-url` (default: the script's origin and folder), `data-path`, `data-namespace`,
 * `data-release`, `data-consent`, `data-sample-rate`, `data-respect-gpc` and `data-debug` set the
 * options of those names. `data-auto` watches the page as `lamplight/auto` does: everything, or
 * only what it lists of `pages clicks errors`.
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
 * A call made before the script loaded: the method's name, the time, the arguments, the page's
 * address, and what takes the result. Older tags do not record the last two.
 */
export type Early = [name: string, ts: number, args: unknown[], href?: string, done?: (result: unknown) => void]

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
  { key = '', url, path, namespace, release, consent, sampleRate, respectGpc, debug, auto: _, ...rest }: DOMStringMap,
  src: string,
): Options {
  return {
    // No options: `debug` looks for misspelled ones among them.
    ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [`data-${name}`, value])),
    key,
    url: url ?? new URL('.', src).href,
    ...(path && { path }),
    ...(namespace && { namespace }),
    ...(release && { release }),
    ...(consent && { consent: consent as NonNullable<Options['consent']> }),
    ...(sampleRate && { sampleRate: Number(sampleRate) }),
    respectGpc: respectGpc !== 'false',
    ...(debug !== undefined && { debug: debug !== 'false' }),
  }
}

function replay(lamplight: AnyLamplight, [name, ts, given, href, done]: Early): void {
  const method = (lamplight as unknown as Record<string, unknown>)[name]
  if (typeof method !== 'function') return
  const at = OPTIONS_AT[name]
  const args = [...given]
  if (at !== undefined) args[at] = { ts, ...(args[at] as object | undefined) }
  ;(lamplight as unknown as Client).callAt(href, () => {
    const result: unknown = method.apply(lamplight, args)
    done?.(result)
  })
}

// Where there is no page, the script does nothing.
try {
  if (tag) start(tag)
} catch (error) {
  // The SDK never breaks its page; the console says why nothing arrives.
  console.error(messageOf(error))
}
