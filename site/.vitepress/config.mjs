import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { slug } from '../links.mjs'
import { addressOf, groups } from '../navigation.mjs'
import { REPOSITORY } from '../stage.mjs'

/** Where `build.mjs` put the pages, and where the site goes. */
const { LAMPLIGHT_SITE_PAGES: pages, LAMPLIGHT_SITE_OUT: out, LAMPLIGHT_SITE_BASE: base = '/' } = process.env

/** A script of a page that is not in a file of its own. */
const INLINE = /<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/g

/**
 * What pages may load: files of the site. Inline scripts are named by their hashes. Highlighted
 * code sets its colors in attributes.
 */
function policy(html) {
  const hashes = [...html.matchAll(INLINE)].map(
    ([, text]) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`,
  )
  return [
    "default-src 'none'",
    ["script-src 'self'", ...new Set(hashes)].join(' '),
    "style-src 'self'",
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
}

export default {
  title: 'Lamplight',
  description: 'Browser telemetry that never loses an event silently',
  lang: 'en',
  srcDir: pages,
  outDir: out,
  base,
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: `${base}lamp.svg` }]],
  cacheDir: join(pages, '../cache'),
  // A page, an anchor or a file that a link does not find fails the build.
  ignoreDeadLinks: false,
  lastUpdated: false,
  // Otherwise a style element is inserted at each change, which the policy forbids.
  appearance: { disableTransition: false },
  // Facts about the pages are in a file, and not in a script of each page.
  metaChunk: true,
  markdown: {
    // The same anchors as on the forge.
    anchor: { slugify: slug },
    html: true,
  },
  transformHtml: (html) =>
    html.replace('<head>', `<head>\n    <meta http-equiv="Content-Security-Policy" content="${policy(html)}">`),
  themeConfig: {
    search: { provider: 'local' },
    outline: { level: [2, 3] },
    sidebar: groups.map(({ title, pages }) => ({
      text: title,
      items: pages.map(([file, text]) => ({ text, link: `/${addressOf(file)}`.replace(/\/index$/, '/') })),
    })),
    socialLinks: [{ icon: 'github', link: REPOSITORY }],
  },
}
