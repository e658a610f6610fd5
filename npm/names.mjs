// Shortens the names by which the module and wasm-bindgen's JavaScript know each other.
//
// They end in hashes, which do not compress, and every page would download each of them twice.
const IMPORTS = 2
const EXPORTS = 7

/** Renames in both; returns the new module and the new JavaScript. */
export function shorten(wasm, javascript) {
  const short = new Map()
  const rename = (name) => {
    if (!short.has(name)) short.set(name, `_${short.size.toString(36)}`)
    return short.get(name)
  }
  const out = [wasm.subarray(0, 8)]
  for (let at = 8; at < wasm.length; ) {
    const id = wasm[at]
    const [size, start] = number(wasm, at + 1)
    const body = wasm.subarray(start, start + size)
    const section = id === IMPORTS ? imports(body, rename) : id === EXPORTS ? exports(body, rename) : body
    out.push(Buffer.from([id, ...leb(section.length)]), section)
    at = start + size
  }
  // Longest first: one name may begin another.
  const names = [...short.keys()].filter((name) => name !== 'memory').sort((a, b) => b.length - a.length)
  let text = javascript
  for (const name of names) {
    const escaped = name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
    // As a member of the module or of what it imports; never a method that happens to have the same name.
    text = text.replace(new RegExp(`(wasm\\.|")${escaped}(?![\\w$])`, 'g'), `$1${short.get(name)}`)
    text = text.replace(new RegExp(`^(\\s+)${escaped}: `, 'gm'), `$1${short.get(name)}: `)
  }
  return { wasm: Buffer.concat(out), javascript: text }
}

/** Section 2 of the core specification: (module, name, kind and type)*. */
function imports(body, rename) {
  const [count, start] = number(body, 0)
  const out = [Buffer.from(leb(count))]
  let at = start
  for (let left = count; left > 0; left -= 1) {
    for (let part = 0; part < 2; part += 1) {
      const [name, next] = text(body, at)
      out.push(spelled(rename(name)))
      at = next
    }
    if (body[at] !== 0) throw new Error('the module imports something that is no function')
    const [, end] = number(body, at + 1)
    out.push(body.subarray(at, end))
    at = end
  }
  return Buffer.concat(out)
}

/** Section 7: (name, kind, index)*. The names of memory and tables stay: other tools look for them. */
function exports(body, rename) {
  const [count, start] = number(body, 0)
  const out = [Buffer.from(leb(count))]
  let at = start
  for (let left = count; left > 0; left -= 1) {
    const [name, next] = text(body, at)
    const [, end] = number(body, next + 1)
    out.push(spelled(name === 'memory' ? name : rename(name)), body.subarray(next, end))
    at = end
  }
  return Buffer.concat(out)
}

function text(body, at) {
  const [size, start] = number(body, at)
  return [body.toString('utf8', start, start + size), start + size]
}

function spelled(name) {
  const bytes = Buffer.from(name)
  return Buffer.concat([Buffer.from(leb(bytes.length)), bytes])
}

/** An unsigned LEB128 number, and where it ends. */
function number(bytes, at) {
  let value = 0
  for (let shift = 0; ; shift += 7, at += 1) {
    value += (bytes[at] & 127) * 2 ** shift
    if (bytes[at] < 128) return [value, at + 1]
  }
}

function leb(value) {
  const out = []
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) | 128)
  return [...out, value]
}
