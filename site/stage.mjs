// Copies the pages of the repository to where VitePress reads them, with links of the site.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brokenLinks, changeLinks, targetOf } from './links.mjs'
import { addressOf, groups, REFERENCE } from './navigation.mjs'

export const root = fileURLToPath(new URL('..', import.meta.url))
const { repository } = JSON.parse(readFileSync(join(root, 'npm/package.json'), 'utf8'))

/** The repository, to which links to files lead that are no pages. */
export const REPOSITORY = repository.url.replace(/^git\+/, '').replace(/\.git$/, '')

/** Files of the repository that git knows, or will know. */
export function tracked(pattern) {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '--', pattern]
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter((path) => path !== '')
}

/** Every page of the site, by its path in the repository. */
export function pages() {
  const named = groups.flatMap((group) => group.pages.map(([file]) => file))
  return [...new Set([...named, ...tracked(`${REFERENCE}/*.md`)])]
}

/** Writes every page into `folder`. Fails when a link leads nowhere. */
export function stage(folder) {
  const all = pages()
  const broken = brokenLinks(root, all)
  if (broken.length > 0) throw new Error(`these links lead nowhere:\n${broken.join('\n')}`)
  rmSync(folder, { recursive: true, force: true })
  for (const page of all) {
    const text = changeLinks(readFileSync(join(root, page), 'utf8'), (link) => siteLink(page, link, all))
    const path = join(folder, `${addressOf(page)}.md`)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  mkdirSync(join(folder, 'public'))
  copyFileSync(join(root, 'www/src/lamp.svg'), join(folder, 'public/lamp.svg'))
  for (const image of tracked('docs/images/*')) copyFileSync(join(root, image), join(folder, 'public', basename(image)))
}

/** A link of `page` as the site needs it: to another page, or to the file in the repository. */
export function siteLink(page, link, all) {
  const target = targetOf(page, link)
  if (target === undefined || link.startsWith('#')) return link
  const { path, anchor } = target
  if (path.startsWith('docs/images/')) return `/${basename(path)}`
  const end = anchor ? `#${anchor}` : ''
  const file = [path, posix.join(path, 'README.md')].find((one) => all.includes(one))
  if (file) return `/${addressOf(file)}.md${end}`
  const kind = statSync(join(root, path)).isDirectory() ? 'tree' : 'blob'
  return `${REPOSITORY}/${kind}/main/${path}${end}`
}
