// JSON text of anything that a page passes. Never throws, and takes a bounded time: writing ends
// when the text is over its limit.
import { ascii } from './text.ts'

/** Most bytes of an event's properties, and of a page's context. */
export const PROPERTIES_BYTES_MAX = 32_768
/** Deepest nesting. The server accepts 64 levels in a body, of which a batch takes three. */
const DEPTH_MAX = 60

/**
 * The text of an object in ASCII, so that its length is what the server counts; '' for none, and
 * undefined if it has more than `bytesMax` bytes. `report` is called with what could not be kept.
 */
export function objectJson(
  what: string,
  value: unknown,
  report: (message: string) => void,
  bytesMax = PROPERTIES_BYTES_MAX,
): string | undefined {
  if (value === undefined || value === null) return ''
  let text = ''
  let lost: string | undefined
  try {
    plainRoom = bytesMax
    if (typeof value === 'object' && isPlain(value, 0)) text = ascii(JSON.stringify(value))
  } catch {
    // There is too much, or a getter threw.
  }
  try {
    // The escape of half a surrogate pair.
    if (!text || text.includes('\\ud')) text = written({ [what]: value }, what, bytesMax, (why) => (lost ||= why))
    if (text[0] !== '{') {
      lost = `${what} must be an object`
      text = `{"value":${text}}`
    }
  } catch {
    // There is too much.
    text = ''
  }
  const isKept = text && text.length <= bytesMax
  if (!isKept) lost = `${what} is too large`
  if (lost) report(lost)
  return isKept ? text : undefined
}

/**
 * How much more `isPlain` may find. A getter that makes it convert another value only changes which
 * of the two ways is taken.
 */
let plainRoom: number

/** Whether JSON.stringify writes an object as it is. Throws if there is too much. */
// biome-ignore lint/suspicious/noExplicitAny: it takes anything.
function isPlain(object: any, depth: number): boolean {
  if (depth === DEPTH_MAX || typeof object.toJSON === 'function') return false
  if (Array.isArray(object)) {
    // A sparse array is written with all its holes.
    room(object.length)
    for (let at = 0; at < object.length; at += 1) if (!isPlainMember(object[at], depth)) return false
    return true
  }
  if (object.constructor !== Object) return false
  for (const key in object) {
    room(key.length)
    if (!isPlainMember(object[key], depth)) return false
  }
  return true
}

function isPlainMember(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
      room(value.length)
      return true
    case 'number':
    case 'boolean':
    case 'undefined':
      room(1)
      return true
    case 'object':
      room(1)
      return value === null || isPlain(value, depth + 1)
  }
  return false
}

function room(bytes: number): void {
  plainRoom -= bytes
  if (plainRoom < 0) throw plainRoom
}

/**
 * The text of a member. Throws if there is too much. Does not use JSON.stringify for objects,
 * because the page's libraries may have patched what it calls.
 */
// biome-ignore lint/suspicious/noExplicitAny: any object has members.
function written(root: any, what: string, room: number, lose: (why: string) => void): string {
  /** The objects that the value being written is in. */
  const above: unknown[] = []

  const take = (bytes: number): void => {
    room -= bytes
    if (room < 0) throw room
  }

  /** A JSON string. Its length is checked first, because escaping a long text takes time. */
  const string = (text: string): string => {
    take(text.length)
    return `"${inside(text)}"`
  }

  /** The text of a member; undefined if JSON leaves it out. */
  // biome-ignore lint/suspicious/noExplicitAny: any object has members.
  const write = (holder: any, key: any, isConverted?: boolean): string | undefined => {
    const depth = above.length
    const marker = (text: string): string => {
      lose(`${what}: '${String(key)}' is kept as '${text}'`)
      return string(text)
    }
    take(1)
    try {
      let value = holder[key]
      const tag = Object.prototype.toString.call(value).slice(8, -1)
      if (tag === 'String') return string(`${value}`)
      if (/^(Nu|Bool|Und)/.test(tag)) return JSON.stringify(value)
      if (tag === 'BigInt') return marker(`${value}`)
      const { toJSON } = value
      const isArray = Array.isArray(value)
      // A library may have given one to all objects.
      if (typeof toJSON === 'function' && !isConverted && !isArray && toJSON !== ({} as typeof value).toJSON)
        return write([toJSON.call(value, key)], 0, true)
      if (above.includes(value)) return marker('[circular]')
      if (depth === DEPTH_MAX) return marker('[too deep]')
      // These reach half of the page, or are large. Frameworks have their own events.
      if (
        typeof value.preventDefault === 'function' ||
        (tag !== 'Object' && (value.nodeType || value.buffer || value.window))
      )
        return marker(`[${value.localName ?? value.type ?? tag}${value.id ? `#${value.id}` : ''}]`)
      above.push(value)
      let text = ''
      if (tag === 'Map') value = Object.fromEntries(value)
      if (/Err|DOMEx/.test(tag)) value = { name: value.name, message: value.message, stack: value.stack, ...value }
      if (isArray || tag === 'Set') {
        if (!isArray) value = [...value]
        for (let at = 0; at < value.length; at += 1) text += `,${write(value, at) ?? null}`
        text = `[${text.slice(1)}]`
      } else {
        for (const key of Object.keys(value)) {
          const member = write(value, key)
          if (member) text += `,${string(key)}:${member}`
        }
        // JSON has nothing to say about a function, a promise or a blob.
        text = text || /^(Obj|Map)/.test(tag) ? `{${text.slice(1)}}` : marker(`[${tag}]`)
      }
      above.pop()
      return text
    } catch (error) {
      if (room < 0) throw error
      above.length = depth
      return marker('[unreadable]')
    }
  }
  return `${write(root, what)}`
}

export function messageOf(error: unknown): string {
  try {
    return String((error as Error)?.message ?? error)
  } catch {
    return 'an error without a message'
  }
}

/**
 * A text as it appears inside a JSON string, in ASCII. Half of a surrogate pair, which servers
 * refuse, becomes a replacement character.
 */
export function inside(text: string): string {
  return /^[ !#-[\]-~]*$/.test(text) ? text : ascii(JSON.stringify(text.replace(/\p{Cs}/gu, '\ufffd')).slice(1, -1))
}
