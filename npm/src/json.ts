// JSON text of anything that a page puts into properties. Never throws: what JSON cannot represent
// becomes a marker.
import { decoder, encoder } from './text.ts'

const DEPTH_MAX = 32

/** The text of an object, or '' for none. `report` is called with what could not be kept. */
export function objectJson(value: unknown, report: (message: string) => void): string {
  if (value === undefined || value === null) return ''
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    report(`some properties could not be kept: ${messageOf(error)}`)
    text = JSON.stringify(copy(() => value, []))
  }
  if (text?.startsWith('{')) return text
  report('properties must be an object')
  return text === undefined ? '' : `{"value":${text}}`
}

export function messageOf(error: unknown): string {
  try {
    return String((error as Error)?.message ?? error)
  } catch {
    return 'an error without a message'
  }
}

/**
 * A text as it appears inside a JSON string. Half of a surrogate pair, which servers refuse,
 * becomes a replacement character.
 */
export function inside(text: string): string {
  return /^[ !#-[\]-~]*$/.test(text) ? text : JSON.stringify(decoder.decode(encoder.encode(text))).slice(1, -1)
}

/** What `read` returns, without what JSON cannot represent. */
function copy(read: () => unknown, above: readonly unknown[]): unknown {
  try {
    const value = read()
    if (typeof value === 'bigint') return String(value)
    if (typeof value !== 'object' || value === null) return value
    if (above.includes(value)) return '[circular]'
    if (above.length === DEPTH_MAX) return '[too deep]'
    const here = [...above, value]
    const { toJSON } = value as { toJSON?: unknown }
    if (typeof toJSON === 'function') return copy(() => toJSON.call(value), here)
    if (Array.isArray(value)) return value.map((item) => copy(() => item, here))
    const out: Record<string, unknown> = {}
    for (const key of Object.keys(value)) out[key] = copy(() => (value as Record<string, unknown>)[key], here)
    return out
  } catch {
    return '[unreadable]'
  }
}
