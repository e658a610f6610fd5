// The functions in a module, by the names that its name section gives them.
const CODE = 10

/** `[{ name, bytes }]`, from a module that was linked with the names of its functions. */
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

/** Bytes by module of the source, the `rows` largest. */
export function sumBy(functions, rows) {
  const sums = new Map()
  for (const { name, bytes } of functions) {
    const place = placeOf(name)
    sums.set(place, (sums.get(place) ?? 0) + bytes)
  }
  const largest = [...sums].sort((a, b) => b[1] - a[1]).slice(0, rows)
  return Object.fromEntries(largest)
}

/** `lamplight_sdk::client::delivery` of a mangled or demangled name; what has none stands under its first word. */
function placeOf(name) {
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

/** The subsection of functions in the custom section `name`. */
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

/** An unsigned LEB128 number, and where it ends. */
function number(bytes, at) {
  let value = 0
  for (let shift = 0; ; shift += 7, at += 1) {
    value += (bytes[at] & 127) * 2 ** shift
    if (bytes[at] < 128) return [value, at + 1]
  }
}
