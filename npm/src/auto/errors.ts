// Tracks uncaught errors and unhandled rejections: a limited number, cut to size, and none that
// tracking itself caused.
import { messageOf } from '../json.ts'
import type { AnyLamplight, Properties } from '../types.ts'
import { listen } from './listen.ts'

const MINUTE_MS = 60_000
const PER_MINUTE = 10
const MESSAGE_MAX = 500
const STACK_MAX = 4_000
/**
 * It only means that a layout took two passes; browsers report it as an error that no page can fix.
 */
const NOISE = /^ResizeObserver loop/

export function watchErrors(lamplight: AnyLamplight, { perMinute = PER_MINUTE }: { perMinute?: number }): () => void {
  let times: number[] = []
  let leftOut = 0
  let isBusy = false
  const keep = (kind: string, error: unknown, rest: Properties): void => {
    const message = cut(messageOf(error), MESSAGE_MAX)
    if (isBusy || NOISE.test(message)) return
    const nowMs = performance.now()
    times = times.filter((atMs) => nowMs - atMs < MINUTE_MS)
    if (times.length >= perMinute) {
      leftOut += 1
      return
    }
    times.push(nowMs)
    isBusy = true
    try {
      lamplight.track('error', { message, kind, stack: stackOf(error), ...rest, left_out: leftOut || undefined })
      leftOut = 0
    } finally {
      isBusy = false
    }
  }
  const stops = [
    listen<ErrorEvent>(window, ['error'], ({ error, message, filename, lineno, colno }) => {
      // The query may contain secrets. Errors of another site's script have only the text `Script
      // error.`
      const source = filename?.split(/[?#]/)[0] || undefined
      keep('error', error ?? message, { source, line: lineno || undefined, column: colno || undefined })
    }),
    listen<PromiseRejectionEvent>(window, ['unhandledrejection'], ({ reason }) =>
      keep('unhandledrejection', reason, {}),
    ),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

function stackOf(error: unknown): string | undefined {
  try {
    const { stack } = error as { stack?: unknown }
    return typeof stack === 'string' ? cut(stack, STACK_MAX) : undefined
  } catch {
    return undefined
  }
}

function cut(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text
}
