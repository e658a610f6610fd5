/** The name that is almost `name`, if there is one. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replace(/[-_]/g, '')
  const rated = names.map((known) => ({ known, edits: editsBetween(plain(name), plain(known)) }))
  const [best] = rated.sort((a, b) => a.edits - b.edits)
  return best && best.edits <= Math.min(2, best.known.length / 3) ? best.known : undefined
}

/** The Levenshtein distance. */
function editsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (let at = 1; at <= from.length; at += 1) {
    const next = [at]
    for (let other = 1; other <= to.length; other += 1) {
      const [left = 0, above = 0, corner = 0] = [next[other - 1], row[other], row[other - 1]]
      next.push(Math.min(left + 1, above + 1, corner + Number(from[at - 1] !== to[other - 1])))
    }
    row = next
  }
  return row[to.length] ?? 0
}
