// What was thrown, or what a promise was rejected with: any value, and perhaps a hostile one.
import { withoutSecrets } from './texts.ts'

const MESSAGE_MAX = 500
const STACK_MAX = 4_000
/** Most causes, nested errors, and members of an object that are read. */
const COUNT_MAX = 5
const MEMBER_MAX = 100
const UNREADABLE = '[unreadable]'

/** The properties of an `error` event that describe a value. */
export interface Thrown {
  message: string
  /** The name of the error, or else what kind of value it is. */
  type: string
  stack: string | undefined
  /** Why it happened, the nearest cause first. */
  causes: string[] | undefined
  /** The errors of an `AggregateError`. */
  errors: string[] | undefined
}

/** Never throws, and reads a bounded part of the value. */
export function thrown(value: unknown): Thrown {
  const stack = read(value, 'stack')
  return {
    message: withoutSecrets(messageOf(value), MESSAGE_MAX),
    type: withoutSecrets(typeOf(value), MEMBER_MAX),
    stack: typeof stack === 'string' && stack ? withoutSecrets(stack, STACK_MAX) : undefined,
    causes: some(causesOf(value)),
    errors: some(membersOf(read(value, 'errors'))),
  }
}

function some(values: unknown[]): string[] | undefined {
  if (!values.length) return undefined
  return values.map((value) => {
    const [type, message] = [typeOf(value), messageOf(value)]
    return withoutSecrets(type === message || !isObject(value) ? message : `${type}: ${message}`, MESSAGE_MAX)
  })
}

function causesOf(value: unknown): unknown[] {
  const causes: unknown[] = []
  let cause = read(value, 'cause')
  // The count ends a cycle, too.
  while (cause !== undefined && cause !== null && causes.length < COUNT_MAX) {
    causes.push(cause)
    cause = read(cause, 'cause')
  }
  return causes
}

function messageOf(value: unknown): string {
  if (!isObject(value)) return textOf(value)
  const message = read(value, 'message')
  if (typeof message === 'string' && message) return message
  const tag = tagOf(value)
  if (tag === 'Response')
    return joined('response', read(value, 'status'), read(value, 'statusText'), read(value, 'url'))
  const type = read(value, 'type')
  // Usually that of an element that failed to load.
  if (typeof type === 'string' && tag.endsWith('Event')) {
    const target = read(value, 'target')
    return joined(`event '${type}'`, read(target, 'localName'), read(target, 'src') || read(target, 'href'))
  }
  const isError = typeof read(value, 'stack') === 'string'
  return isError ? typeOf(value) : describe(value, 2)
}

/** The name of an error, of a value's class, or of its type. */
function typeOf(value: unknown): string {
  if (!isObject(value)) return value === null ? 'null' : typeof value
  const name = read(value, 'name')
  if (typeof name === 'string' && name && typeof value === 'object') return name
  const own = read(read(value, 'constructor'), 'name')
  return typeof own === 'string' && own ? own : tagOf(value)
}

/** A short text of any value: members of an object, `depth` levels deep. */
function describe(value: unknown, depth: number): string {
  if (!isObject(value)) return typeof value === 'string' ? `"${value.slice(0, MEMBER_MAX)}"` : textOf(value)
  if (typeof value === 'function' || !depth) return tagOf(value)
  if (isList(value)) return `[${membersOf(value).map((item) => describe(item, depth - 1))}]`
  const names = namesOf(value)
  if (!names.length) return tagOf(value)
  return `{${names.map((name) => `${name.slice(0, MEMBER_MAX)}: ${describe(read(value, name), depth - 1)}`).join(', ')}}`
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}

function membersOf(value: unknown): unknown[] {
  return isList(value)
    ? Array.from({ length: Math.min(Number(read(value, 'length')), COUNT_MAX) || 0 }, (_, at) => read(value, at))
    : []
}

/** The names of the first members, without listing those of a large object. */
function namesOf(value: object): string[] {
  const names: string[] = []
  try {
    for (const name in value) {
      // Own names come first.
      if (names.length === COUNT_MAX || !Object.hasOwn(value, name)) break
      names.push(name)
    }
  } catch {}
  return names
}

/** Anything may be behind a name: nothing, a getter that throws, or a closed proxy. */
function read(value: unknown, name: string | number): unknown {
  try {
    return (value as Record<string, unknown> | undefined)?.[name]
  } catch {
    return UNREADABLE
  }
}

/** `Response`, `Object`, `DOMException`. */
function tagOf(value: unknown): string {
  try {
    return Object.prototype.toString.call(value).slice(8, -1)
  } catch {
    return UNREADABLE
  }
}

/** A value that is no object. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : String(value)
}

function joined(...parts: unknown[]): string {
  return parts.filter((part) => (typeof part === 'string' && part) || typeof part === 'number').join(' ')
}
