// Shortens the names under which the module and its JavaScript know each other.
//
// wasm-bindgen's names end in hashes, which do not compress, and every page would download each of
// them twice.
const IMPORTS = 2
const EXPORTS = 7

/**
 * Exports of wasm-bindgen that `src/glue.ts` never uses: nothing is freed, and no object crosses
 * that would need a table.
 */
const UNUSED = /^(__wbg_\w+_free|__abort_handler|__instance_terminated|__wbindgen_(realloc|externrefs|start))$/

/**
 * Short names for the `wasm_…` names of `src/glue.ts`: the same for all modules, and for esbuild to
 * put into the JavaScript.
 */
export class Names {
  /** For esbuild's `mangleCache`. */
  cache = {}

  /** The short name of a wasm-bindgen name. */
  of(name) {
    const key = `wasm_${plain(name)}`
    this.cache[key] ??= letters(Object.keys(this.cache).length)
    return this.cache[key]
  }
}

/**
 * `get` for `__wbg_get_bdad09826d727966`, `track` for `core_track`, `malloc` for
 * `__wbindgen_malloc`.
 */
function plain(name) {
  if (name.startsWith('./')) return 'imports'
  return name.replace(/^__wbg_(.*)_[0-9a-f]{16}$/, '$1').replace(/^(__wbindgen_|core_)/, '')
}

function letters(number) {
  const letter = String.fromCharCode(97 + (number % 26))
  return number < 26 ? letter : letters(Math.floor(number / 26) - 1) + letter
}

/** The module with its imports and exports renamed and its unused exports removed. */
export function shorten(wasm, names) {
  const out = [wasm.subarray(0, 8)]
  for (let at = 8; at < wasm.length; ) {
    const id = wasm[at]
    const [size, start] = number(wasm, at + 1)
    const body = wasm.subarray(start, start + size)
    const rename = (name) => names.of(name)
    const section = id === IMPORTS ? imports(body, rename) : id === EXPORTS ? exports(body, rename) : body
    out.push(Buffer.from([id, ...leb(section.length)]), section)
    at = start + size
  }
  return Buffer.concat(out)
}

/** Section 2 of the WebAssembly core specification: (module, name, kind and type)*. */
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

/**
 * Section 7: (name, kind, index)*. The names of memory and tables stay, because other tools look
 * for them.
 */
function exports(body, rename) {
  const [count, start] = number(body, 0)
  const out = []
  let at = start
  for (let left = count; left > 0; left -= 1) {
    const [name, next] = text(body, at)
    const [, end] = number(body, next + 1)
    if (!UNUSED.test(name))
      out.push(Buffer.concat([spelled(name === 'memory' ? name : rename(name)), body.subarray(next, end)]))
    at = end
  }
  return Buffer.concat([Buffer.from(leb(out.length)), ...out])
}

function text(body, at) {
  const [size, start] = number(body, at)
  return [body.toString('utf8', start, start + size), start + size]
}

function spelled(name) {
  const bytes = Buffer.from(name)
  return Buffer.concat([Buffer.from(leb(bytes.length)), bytes])
}

/** An unsigned LEB128 number, and the offset after it. */
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
