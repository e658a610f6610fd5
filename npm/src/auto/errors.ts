// Tracks uncaught errors and unhandled rejections: a limited number, cut to size, and none that
// tracking itself caused.
import type { AnyLamplight, Properties } from '../types.ts'
import { isFirst } from './handled.ts'
import { listen } from './listen.ts'
import { withoutSecrets } from './texts.ts'
import { type Thrown, thrown } from './thrown.ts'

const MINUTE_MS = 60_000
const PER_MINUTE = 10
const TEXT_MAX = 500
/**
 * It only means that a layout took two passes; browsers report it as an error that no page can fix.
 */
const NOISE = /^ResizeObserver loop/

export function watchErrors(
  lamplight: AnyLamplight,
  { perMinute = PER_MINUTE }: { perMinute?: number | undefined },
): () => void {
  let times: number[] = []
  let leftOut = 0
  let isBusy = false
  const keep = (kind: string, describe: () => Partial<Thrown>, rest: Properties): void => {
    // Also what the page's hooks, or getters of the thrown value, cause.
    if (isBusy) return
    const nowMs = performance.now()
    times = times.filter((atMs) => nowMs - atMs < MINUTE_MS)
    // Also if the limit is no number.
    if (!(times.length < perMinute)) {
      leftOut += 1
      return
    }
    times.push(nowMs)
    isBusy = true
    try {
      lamplight.track('error', { ...describe(), kind, ...rest, left_out: leftOut || undefined })
      leftOut = 0
    } finally {
      isBusy = false
    }
  }
  const stops = [
    listen<ErrorEvent>(window, ['error'], (event) => {
      const { error, message, filename, lineno, colno } = event
      if (NOISE.test(message) || !isFirst(lamplight, event)) return
      const source = filename ? withoutSecrets(filename, TEXT_MAX) : undefined
      // Errors of another site's script have only the text `Script error.`
      const describe = () =>
        error === undefined || error === null ? { message: withoutSecrets(message, TEXT_MAX) } : thrown(error)
      keep('error', describe, { source, line: lineno || undefined, column: colno || undefined })
    }),
    listen<PromiseRejectionEvent>(window, ['unhandledrejection'], (event) => {
      if (isFirst(lamplight, event)) keep('unhandledrejection', () => thrown(event.reason), {})
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}
