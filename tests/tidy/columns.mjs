// Finds what is too long: comments over 100 columns, prose in Markdown over 120, names of tests
// over 80 characters.
import { extname } from 'node:path'

export const COMMENT_COLUMNS_MAX = 100
export const PROSE_COLUMNS_MAX = 120
export const TEST_NAME_MAX = 80

/**
 * What begins a comment's line, and what begins and ends one of several lines, by the ending of the
 * file.
 */
const SLASHES = { line: /^\s*\/\//, begin: /^\s*\{?\/\*/, end: /\*\// }
const HASH = { line: /^\s*#(?!\[)/ }
const COMMENTS = {
  ...Object.fromEntries(
    ['.rs', '.ts', '.tsx', '.mjs', '.js', '.jsx', '.cjs', '.mts', '.cts'].map((it) => [it, SLASHES]),
  ),
  '.swift': SLASHES,
  '.kt': SLASHES,
  '.css': { begin: /^\s*\/\*/, end: /\*\// },
  '.html': { begin: /^\s*<!--/, end: /-->/ },
  '.sql': { line: /^\s*--/ },
  '.toml': HASH,
  '.rb': HASH,
  '.yml': HASH,
  '.yaml': HASH,
}

/**
 * Each comment line that is too long and can be broken: not code, nor an instruction to the linter.
 */
export function* longComments(file, text) {
  const kind = COMMENTS[extname(file)]
  if (!kind) return
  let isInside = false
  let isCode = false
  for (const [index, line] of text.split('\n').entries()) {
    const begins = !isInside && (kind.begin?.test(line) ?? false)
    const isComment = isInside || begins || (kind.line?.test(line) ?? false)
    if (isInside || begins) isInside = !kind.end.test(begins ? line.replace(kind.begin, '') : line)
    if (!isComment) isCode = false
    else if (/^\s*(\/\/[/!]?|\*)\s*```/.test(line)) isCode = !isCode
    if (isComment && !isCode && !line.includes('biome-ignore') && line.length > COMMENT_COLUMNS_MAX && canBreak(line)) {
      yield { line: index + 1, problem: `a comment of ${line.length} columns: wrap it at ${COMMENT_COLUMNS_MAX}` }
    }
  }
}

/**
 * Each line of prose that is too long: not code, tables, or text that cannot be broken, such as an
 * address.
 */
export function* longProse(file, text) {
  if (extname(file) !== '.md') return
  let isCode = false
  for (const [index, line] of text.split('\n').entries()) {
    const isFence = /^\s*(```|~~~)/.test(line)
    if (isFence) isCode = !isCode
    if (isCode || isFence || /^\s*(\||\[[^\]]+\]:)/.test(line)) continue
    if (line.length > PROSE_COLUMNS_MAX && canBreak(line)) {
      yield { line: index + 1, problem: `prose of ${line.length} columns: wrap it at ${PROSE_COLUMNS_MAX}` }
    }
  }
}

const RUST_TEST = /#\[(?:\w+::)?(?:wasm_bindgen_)?test\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:pub )?(?:async )?fn (\w+)/g
const SCRIPT_TEST = /\btest\(\s*(?:'((?:\\.|[^'\\\n])*)'|"((?:\\.|[^"\\\n])*)"|`((?:\\.|[^`\\])*)`)/g

/** Each test whose name is too long to be read in a list. */
export function* longTestNames(file, text) {
  const tests = file.endsWith('.rs') ? RUST_TEST : /\.(ts|mjs|js)$/.test(file) ? SCRIPT_TEST : undefined
  if (!tests) return
  for (const { 0: found, 1: one, 2: other, 3: third, index } of text.matchAll(tests)) {
    const name = one ?? other ?? third
    if (name.length <= TEST_NAME_MAX) continue
    const line = text.slice(0, index + found.length).split('\n').length
    yield { line, problem: `a test name of ${name.length} characters: ${TEST_NAME_MAX} at most` }
  }
}

/** Whether there is a space to break at, after the mark of the comment. */
function canBreak(line) {
  return /\S\s+\S/.test(line.replace(/^\s*(\/\/[/!]?|\/?\*+|#+|--|<!--|[-*>])?\s*/, ''))
}
