// An event in the form in which it crosses into the module. What the server would refuse is refused
// here, where the page's code can still learn why.
import { inside, messageOf, objectJson, PROPERTIES_BYTES_MAX } from './json.ts'
import { encoder } from './text.ts'
import type { Draft } from './types.ts'

/** Most bytes of a name. */
const NAME_BYTES_MAX = 200
/** Most bytes of `user` and of `monitor`. */
const REST_BYTES_MAX = PROPERTIES_BYTES_MAX / 4
/** The longest id of a user, in UTF-16 units. */
const ID_LENGTH_MAX = 1_000
/** The end of the year 9999. */
const TS_END = 253_402_300_800_000

/** The arguments of the module's `track`. */
export type EventParts = [ts: number, text: string, nameBytes: number]

/** The parts of an event. Throws if a field is invalid. */
export function partsOf(draft: Draft, report: (message: string) => void): EventParts {
  const { user, monitor, type = '' } = draft
  const ts = timeOf(draft.ts)
  const name = must('name', draft.name, textOf(draft.name))
  if (type) must('type', type, ['default', 'critical', 'monitor'].includes(type))
  const properties = objectJson('properties', draft.properties, report)
  const userJson = user && objectJson('user', userOf(user), report, REST_BYTES_MAX)
  const monitorJson = monitor && objectJson('monitor', monitorOf(monitor), report, REST_BYTES_MAX)
  // A name of at most 66 UTF-16 units has at most 198 bytes. A long one is not encoded, because
  // that takes time.
  const { length } = name
  const nameBytes = length > 66 && length <= NAME_BYTES_MAX ? (encoder?.encode(name).length ?? 0) : length
  const isNamed = nameBytes <= NAME_BYTES_MAX
  if (!isNamed) report('the name is too large')
  // The module counts an event with such a name as too large.
  if (properties === undefined || (user && !userJson) || (monitor && !monitorJson) || !isNamed)
    return [ts, '', NAME_BYTES_MAX + 1]
  if (!name) report(`the name is empty; the event is kept as 'unnamed'`)
  const text = `${properties}\n${userJson || ''}\n${monitorJson || ''}\n${type || ''}\n${inside(name)}`
  return [ts, text, nameBytes]
}

/** Milliseconds since 1970; now if there is no time. Throws if it is invalid. */
export function timeOf(ts: unknown = Date.now()): number {
  let ms = ts
  if (typeof ts === 'string') ms = /T.*(Z|[+-]\d\d:\d\d)$/.test(ts) && Date.parse(ts)
  else if (typeof ts === 'object') ms = (ts as Date | null)?.getTime?.()
  must('ts', ts, typeof ms === 'number' && ms >= 0 && ms < TS_END)
  return ms as number
}

/** The text of a user's id; '' for what is no id. */
export function idOf(id: unknown): string {
  const text = textOf(id)?.trim() ?? ''
  return text.length > ID_LENGTH_MAX ? '' : text
}

/** A text or a number as text. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'bigint' || Number.isFinite(value) ? `${value}` : undefined
}

function userOf(user: NonNullable<Draft['user']>): object {
  must('user', user, typeof user === 'object')
  const member = (name: 'id' | 'anonymous_id'): string | undefined => {
    const id = user[name]
    return id ? must(`user.${name}`, id, idOf(id) || undefined) : undefined
  }
  return { id: member('id'), anonymous_id: member('anonymous_id') }
}

function monitorOf(given: NonNullable<Draft['monitor']>): object {
  must('monitor', given, typeof given === 'object')
  // Its own `toJSON` could write anything.
  const monitor = { rate: 1, ...given, toJSON: undefined }
  const { kind, metric = '', value = kind === 'increment' ? 1 : undefined, rate } = monitor
  must('monitor.kind', kind, ['increment', 'gauge', 'timer'].includes(kind))
  must('monitor.metric', metric, typeof metric === 'string')
  must('monitor.value', value, Number.isFinite(value))
  must('monitor.rate', rate, Number.isFinite(rate) && rate > 0 && rate <= 1)
  return monitor
}

/** `result`, unless it is false or undefined: then `value` is none that the field can have. */
function must<Result>(field: string, value: unknown, result: Result): NonNullable<Result> {
  if (result === undefined || result === false) throw TypeError(`${field} cannot be '${messageOf(value).slice(0, 99)}'`)
  return result as NonNullable<Result>
}
