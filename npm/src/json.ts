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
    isAscii = true
    if (typeof value === 'object' && roomAfter(value, 0, bytesMax) >= 0) {
      text = JSON.stringify(value)
      if (!isAscii) text = ascii(text)
    }
  } catch {
    // A getter threw.
  }
  try {
    // The escape of half a surrogate pair.
    if (!text || (!isAscii && text.includes('\\ud')))
      text = written({ [what]: value }, what, bytesMax, (why) => (lost ||= why))
    if (text[0] !== '{') {
      lost = `${what} must be an object`
      text = `{"value":${text}}`
    }
  } catch {
    // There is too much.
    text = ''
  }
  isAscii = false
  const isKept = text && text.length <= bytesMax
  if (!isKept) lost = `${what} is too large`
  if (lost) report(lost)
  return isKept ? text : undefined
}

/**
 * Whether each text that `roomAfter` found is ASCII. Then so is the text of the object, and nobody
 * has to look through it again. False between conversions, so that a getter which makes one only
 * changes which of the two ways the other takes.
 */
let isAscii: boolean

/**
 * How much room an object leaves, which JSON.stringify writes as it is. Negative if there is too
 * much, and NaN for what JSON.stringify does not write as it is: then nothing else was looked at.
 */
// biome-ignore lint/suspicious/noExplicitAny: it takes anything.
function roomAfter(object: any, depth: number, room: number): number {
  if (depth === DEPTH_MAX || typeof object.toJSON === 'function') return Number.NaN
  if (Array.isArray(object)) {
    // A sparse array is written with all its holes.
    room -= object.length
    for (let at = 0; room >= 0 && at < object.length; at += 1) room = roomAfterMember(object[at], depth, room)
    return room
  }
  if (Object.getPrototypeOf(object) !== Object.prototype) return Number.NaN
  for (const key in object) {
    room -= key.length
    if (room >= 0) checkAscii(key, key.length)
    room = roomAfterMember(object[key], depth, room)
    if (!(room >= 0)) break
  }
  return room
}

function roomAfterMember(value: unknown, depth: number, room: number): number {
  switch (typeof value) {
    case 'string': {
      const { length } = value
      if (length <= room) checkAscii(value, length)
      return room - length
    }
    case 'number':
    case 'boolean':
    case 'undefined':
      return room - 1
    case 'object':
      return value === null ? room - 1 : roomAfter(value, depth + 1, room - 1)
  }
  return Number.NaN
}

/** A loop is the fastest way for a short text. */
function checkAscii(text: string, length: number): void {
  if (length > 40) isAscii &&= /^[\0-\x7f]*$/.test(text)
  else for (let at = 0; isAscii && at < length; at += 1) isAscii = text.charCodeAt(at) < 128
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
