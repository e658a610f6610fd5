/**
 * The script that the server serves at `/lamplight.js`, for pages without a bundler.
 *
 * <!-- stores: page, opened -->
 * ```html
 * <script>((l) => l.q && 'track page identify reset increment gauge timing setConsent forget use on'.split(' ').forEach((name) => {
 *   l[name] = (...given) => { l.q.push([name, Date.now(), given]) } }))(window.lamplight ??= { q: [] })</script>
 * <script async src="https://t.example.com/lamplight.js" data-key="wk_try_me_now" data-auto></script>
 * <script>lamplight.track('opened', { early: true })</script>
 * ```
 *
 * The first tag keeps calls made before the script has arrived, which are then made in their order and with their own times. What
 * such a call gives back is not known yet: `undefined`. Without the first tag, wait for the script's `load`.
 *
 * `data-url` (default: where the script came from), `data-path`, `data-namespace`, `data-release`, `data-consent`,
 * `data-sample-rate` and `data-respect-gpc` are the options of those names. `data-auto` watches the page as `lamplight/auto` does:
 * all of it, or what it names of `pages clicks errors`.
 *
 * @module lamplight/snippet
 */
import { auto } from './auto.ts'
import { init } from './index.ts'
import { messageOf } from './json.ts'
import { tag } from './tag.ts'
import type { AnyLamplight, Options } from './types.ts'

/** A call that was made before: the method's name, when, and with what. */
export type Early = [name: string, ts: number, given: unknown[]]

declare global {
  interface Window {
    lamplight?: AnyLamplight | { q: Early[] }
  }
}

/** Where each method takes its options, which can say when it happened. */
const OPTIONS_AT: Record<string, number> = { track: 2, page: 1, identify: 2, increment: 2, gauge: 2, timing: 2 }

function start({ dataset, src }: HTMLScriptElement): void {
  const before = window.lamplight
  if (before && !('q' in before)) return
  const lamplight = init(optionsOf(dataset, src))
  window.lamplight = lamplight
  if (before) {
    for (const call of before.q) replay(lamplight, call)
    // Whoever kept what stood in for us goes on calling that.
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

function replay(lamplight: AnyLamplight, [name, ts, given]: Early): void {
  const method = (lamplight as unknown as Record<string, unknown>)[name]
  if (typeof method !== 'function') return
  const at = OPTIONS_AT[name]
  const args = [...given]
  if (at !== undefined) args[at] = { ts, ...(args[at] as object | undefined) }
  method.apply(lamplight, args)
}

// Nothing at all where there is no page.
try {
  if (tag) start(tag)
} catch (error) {
  // A page is never broken by us; whoever looks why nothing arrives finds this.
  console.error(messageOf(error))
}
