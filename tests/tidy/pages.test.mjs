// Rules for the pages of the documentation.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anchorsOf, brokenLinks, linksOf } from '../../site/links.mjs'
import { addressOf, groups } from '../../site/navigation.mjs'
import { pages, root, siteLink, tracked } from '../../site/stage.mjs'

const named = groups.flatMap((group) => group.pages.map(([file]) => file))

test('every link of every page leads to a file, and to a heading of it', () => {
  assert.deepEqual(brokenLinks(root, tracked('*.md')), [], 'correct the link')
})

test('the navigation of the site names every page of docs/ once', () => {
  const inDocs = tracked('docs/*.md').filter((path) => !path.slice('docs/'.length).includes('/'))
  const missing = inDocs.filter((path) => !named.includes(path))
  assert.deepEqual(missing, [], 'add the page to site/navigation.mjs')
  assert.deepEqual(
    named.filter((path, index) => named.indexOf(path) !== index || !tracked(path).length),
    [],
    'site/navigation.mjs names a page twice, or one that does not exist',
  )
  const addresses = pages().map(addressOf)
  assert.equal(new Set(addresses).size, addresses.length, 'two pages have one address')
})

test('links and headings are found as the forge finds them, and not in code', () => {
  const text = '# A `b` & [c](d.md)\n\n[two\nlines](e.md#f) `[no](x.md)`\n\n```md\n# no\n[no](y.md)\n```\n\n# A\n# A\n'
  assert.deepEqual(linksOf(text), ['d.md', 'e.md#f'])
  assert.deepEqual(anchorsOf(text), ['a-b--c', 'a', 'a-1'])
})

test('a link to a page stays in the site, and any other leads to the repository', () => {
  const links = {
    'http.md#errors': '/http.md#errors',
    '#here': '#here',
    '../README.md#quickstart': '/index.md#quickstart',
    'api/README.md': '/api/index.md',
    '../examples/rails': 'https://github.com/lamplight-telemetry/lamplight/tree/main/examples/rails',
    '../server/lamplight.example.toml':
      'https://github.com/lamplight-telemetry/lamplight/blob/main/server/lamplight.example.toml',
    'https://example.com/a.md': 'https://example.com/a.md',
  }
  for (const [link, expected] of Object.entries(links))
    assert.equal(siteLink('docs/reading.md', link, pages()), expected)
})
