// Uncaught errors and unhandled rejections: a few, cut to size, and never one of its own making.
import { messageOf } from '../json.ts'
import type { AnyLamplight, Properties } from '../types.ts'
import { listen } from './listen.ts'

const MINUTE_MS = 60_000
const PER_MINUTE = 10
const MESSAGE_MAX = 500
const STACK_MAX = 4_000
/** Says only that a layout took two rounds; browsers report it as an error and no page can do anything about it. */
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
      // Without its query, which may carry secrets. A script of another site says nothing but `Script error.`
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
