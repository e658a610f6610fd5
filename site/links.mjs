// Links of Markdown pages: finds them, checks them, and turns them into links of the site.
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

const FENCE = /^(```|~~~)/
/** The end of a link: its text may begin on an earlier line. */
const LINK = /(\]\()([^)\s]+)(\))/g
const OUTSIDE = /^(\w+:|\/\/)/

/** The lines of a page with whether each is code. A fence counts as code. */
function* linesOf(text) {
  let isCode = false
  for (const line of text.split('\n')) {
    const isFence = FENCE.test(line)
    yield { line, isCode: isCode || isFence }
    if (isFence) isCode = !isCode
  }
}

/** Replaces the target of each link outside of code. `change` returns the new target. */
export function changeLinks(text, change) {
  return [...linesOf(text)].map(({ line, isCode }) => (isCode ? line : inText(line, change))).join('\n')
}

function inText(line, change) {
  return line.replace(LINK, (whole, before, target, after, offset) =>
    isInCode(line, offset) ? whole : `${before}${change(target)}${after}`,
  )
}

/** Whether a code span is open at this place: `[a](b)` in one is no link. */
function isInCode(line, offset) {
  return (line.slice(0, offset).match(/`/g)?.length ?? 0) % 2 === 1
}

/** The targets of all links of a page, outside of code. */
export function linksOf(text) {
  const targets = []
  changeLinks(text, (target) => {
    targets.push(target)
    return target
  })
  return targets
}

/** Anchors of a page: those of its headings, by the rules of the forge, and those set by hand. */
export function anchorsOf(text) {
  const seen = new Map()
  return [...linesOf(text)]
    .filter(({ isCode }) => !isCode)
    .flatMap(({ line }) => {
      const byHand = [...line.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id)
      if (!/^#{1,6} /.test(line)) return byHand
      const anchor = slug(line.replace(/^#+ /, ''))
      const repeats = seen.get(anchor) ?? 0
      seen.set(anchor, repeats + 1)
      return [...byHand, repeats === 0 ? anchor : `${anchor}-${repeats}`]
    })
}

/** The anchor of a heading. */
export function slug(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

/** What a link of a page points to, in the repository. `undefined` for other sites. */
export function targetOf(page, link) {
  if (OUTSIDE.test(link)) return undefined
  const [file, anchor = ''] = link.split('#')
  const path = file === '' ? page : posix.normalize(posix.join(posix.dirname(page), decodeURI(file)))
  return { path: path.replace(/\/$/, ''), anchor }
}

/** Every link of the pages that leads nowhere: to no file, or to no heading of one. */
export function brokenLinks(root, pages) {
  const anchors = new Map()
  const has = (path, anchor) => {
    if (!path.endsWith('.md')) return false
    if (!anchors.has(path)) anchors.set(path, anchorsOf(readFileSync(join(root, path), 'utf8')))
    return anchors.get(path).includes(anchor)
  }
  return pages.flatMap((page) =>
    linksOf(readFileSync(join(root, page), 'utf8'))
      .map((link) => ({ link, target: targetOf(page, link) }))
      .filter(({ target }) => target !== undefined)
      .map(({ link, target: { path, anchor } }) => {
        if (path.startsWith('..')) return `${page}: ${link} leads out of the repository`
        if (!existsSync(join(root, path))) return `${page}: ${link} leads to no file`
        return anchor && !has(path, anchor) ? `${page}: ${link} leads to no heading of ${path}` : undefined
      })
      .filter((text) => text !== undefined),
  )
}
