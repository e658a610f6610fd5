// Reads the sizes of a module's functions, with the names of its name section.
const CODE = 10

/** `[{ name, bytes }]` for a module that still has its name section. */
export function functionsOf(wasm) {
  const [sizes, names] = [[], new Map()]
  let imported = 0
  for (let at = 8; at < wasm.length; ) {
    const id = wasm[at]
    const [size, start] = number(wasm, at + 1)
    if (id === 2) imported = number(wasm, start)[0]
    if (id === CODE) bodies(wasm, start, sizes)
    if (id === 0) readNames(wasm, start, start + size, names)
    at = start + size
  }
  return sizes.map((bytes, index) => ({ name: names.get(imported + index) ?? '?', bytes }))
}

/** Bytes by Rust module, the `rows` largest. */
export function sumBy(functions, rows) {
  const sums = new Map()
  for (const { name, bytes } of functions) {
    const module = moduleOf(name)
    sums.set(module, (sums.get(module) ?? 0) + bytes)
  }
  const largest = [...sums].sort((a, b) => b[1] - a[1]).slice(0, rows)
  return Object.fromEntries(largest)
}

/**
 * The Rust module of a name, such as `lamplight_sdk::client::delivery`, or the name's first word if
 * it has none.
 */
function moduleOf(name) {
  const parts = name.replace(/\[[0-9a-f]{8,}\]/g, '').match(/[a-z_][a-z0-9_]*(?:::[a-z_][a-z0-9_]*)+/g) ?? []
  const ours = parts.find((part) => part.startsWith('lamplight')) ?? parts[0]
  return ours ? ours.split('::').slice(0, 3).join('::') : name.split(/[^a-z0-9]/i)[0] || name
}

function bodies(wasm, start, sizes) {
  const [count, first] = number(wasm, start)
  let at = first
  for (let left = count; left > 0; left -= 1) {
    const [size, body] = number(wasm, at)
    sizes.push(size)
    at = body + size
  }
}

/** Reads the function names of the custom section `name`. */
function readNames(wasm, start, end, names) {
  const [length, text] = number(wasm, start)
  if (wasm.toString('utf8', text, text + length) !== 'name') return
  for (let at = text + length; at < end; ) {
    const id = wasm[at]
    const [size, body] = number(wasm, at + 1)
    if (id === 1) {
      let [count, entry] = number(wasm, body)
      for (; count > 0; count -= 1) {
        const [index, nameAt] = number(wasm, entry)
        const [bytes, first] = number(wasm, nameAt)
        names.set(index, wasm.toString('utf8', first, first + bytes))
        entry = first + bytes
      }
    }
    at = body + size
  }
}

/** An unsigned LEB128 number, and the offset after it. */
function number(bytes, at) {
  let value = 0
  for (let shift = 0; ; shift += 7, at += 1) {
    value += (bytes[at] & 127) * 2 ** shift
    if (bytes[at] < 128) return [value, at + 1]
  }
}
