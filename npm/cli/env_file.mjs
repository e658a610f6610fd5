// Adds variables to environment files, and keeps everything else in them as it is.

/** The last assignment of a variable in a file's text, or undefined. */
function assignment(text, name) {
  const lines = new RegExp(`^(\\uFEFF?[ \\t]*(?:export[ \\t]+)?${name}[ \\t]*=[ \\t]*)(.*?)([ \\t]*\\r?)$`, 'gm')
  return [...text.matchAll(lines)].at(-1)
}

/** The value of a variable in a file's text: undefined without one, and '' if it is empty. */
export function valueIn(text, name) {
  const [, , value] = assignment(text, name) ?? []
  if (value === undefined) return undefined
  const [, , inQuotes] = /^(["'`])(.*?)\1[ \t]*(?:#.*)?$/.exec(value) ?? []
  return (inQuotes ?? value.replace(/(?:^|[ \t])#.*$/, '').trim()).replaceAll('\\$', '$')
}

/**
 * The text of a file with a variable. A variable with a value stays as it is, an empty one is
 * filled in where it is, and others are added at the end.
 */
export function withVariable(text, name, value, comment) {
  const there = assignment(text, name)
  if (there && valueIn(text, name) !== '') return text
  if (there) {
    const [line, before, old, after] = there
    // What follows an empty value is a comment.
    const rest = old.includes('#') ? ` ${old.slice(old.indexOf('#'))}` : ''
    const filled = `${before}${written(value)}${rest}${after}`
    return text.slice(0, there.index) + filled + text.slice(there.index + line.length)
  }
  const end = text.includes('\r\n') ? '\r\n' : '\n'
  const gap = text === '' || text.endsWith('\n') ? '' : end
  const said = text.includes(comment) ? '' : `# ${comment}${end}`
  return `${text}${gap}${said}${name}=${written(value)}${end}`
}

/** A value as dotenv reads it, of which Vite and Next.js replace `$name`. */
function written(value) {
  const escaped = value.replaceAll('$', '\\$')
  if (/^[\w:/.@+\\$-]*$/.test(escaped)) return escaped
  return value.includes("'") ? `"${escaped}"` : `'${escaped}'`
}
