// Texts of errors, as events contain them: bounded, and without what addresses may contain.

/** A word. The place in a script (`:10:5`) and the punctuation at its end are kept. */
const WORD = /^(.*?)((?::\d{1,7}){0,2}["'),;.\]}]*)$/s
/** A query or fragment, behind a path or recognizable by its form. */
const TAIL = /(\/[^?#]*)[?#].+|[?#][\w.%-]+=.*/s

/**
 * A text without the queries, fragments, passwords and inline data of the addresses in it, which
 * may contain secrets, cut to `max` characters. Like `brief`, but for relative addresses, too.
 */
export function withoutSecrets(text: string, max: number): string {
  // Cut before the search, which takes longer for longer texts.
  const clean = text.slice(0, 2 * max).replace(/[^\s"<>]+/g, address)
  return clean.length > max ? `${clean.slice(0, max).replace(/[\ud800-\udbff]$/, '')}…` : clean
}

function address(word: string): string {
  if (!/[?#@]|data:/.test(word)) return word
  const [, head = '', end = ''] = WORD.exec(word) ?? []
  const kept = head
    .replace(TAIL, '$1')
    .replace(/(:\/\/)[^/@]*@/g, '$1')
    .replace(/\bdata:[\w+/-]*[;,].*/s, 'data:')
  return kept + end
}
