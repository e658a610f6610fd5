import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runStory } from '../harness/docs/run.ts'
import { Sandbox, SHOWN_KEYS } from '../harness/docs/sandbox.ts'
import { typeErrors } from '../harness/docs/script.ts'
import { documented, storiesOf } from '../harness/docs/snippet.ts'
import { Server } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TYPES = join(ROOT, 'tests/results/docs-types')

const stories = documented().flatMap(storiesOf)

for (const story of stories) {
  const { at, language } = story.main
  test(`the ${language} snippet at ${at} works`, async ({ page }) => {
    const server = await Server.start('serve', SHOWN_KEYS)
    const sandbox = new Sandbox(server)
    try {
      await runStory(story, sandbox, page)
    } finally {
      sandbox.remove()
      await server.remove()
    }
  })
}

test('every script in the documentation passes the type check', () => {
  expect(typeErrors(stories, TYPES)).toEqual([])
})

test('docs/http.md states the limits of the wire', () => {
  const limits = JSON.parse(readFileSync(join(ROOT, 'tests/wire/limits.json'), 'utf8')) as Record<string, number>
  const page = readFileSync(join(ROOT, 'docs/http.md'), 'utf8')
  const statements = {
    NAME_BYTES_MAX: `1 to ${limits['NAME_BYTES_MAX']} bytes`,
    ID_BYTES_MAX: `1 to ${limits['ID_BYTES_MAX']} bytes`,
    PROPERTIES_BYTES_MAX: `at most ${Number(limits['PROPERTIES_BYTES_MAX']) / 1_024} KiB`,
    USER_ID_UNITS_MAX: `up to ${Number(limits['USER_ID_UNITS_MAX']).toLocaleString('en')} characters`,
    SESSION_BYTES_MAX: `up to ${limits['SESSION_BYTES_MAX']} bytes`,
    CONTEXT_BYTES_MAX: `up to ${Number(limits['CONTEXT_BYTES_MAX']) / 1_024} KiB`,
    MONITOR_BYTES_MAX: `Up to ${Number(limits['MONITOR_BYTES_MAX']) / 1_024} KiB`,
    BODY_BYTES_MAX: `more than ${Number(limits['BODY_BYTES_MAX']) / 1_048_576} MiB as sent`,
    UNPACKED_BYTES_MAX: `${Number(limits['UNPACKED_BYTES_MAX']) / 1_048_576} MiB decompressed`,
    EVENTS_MAX: `or ${Number(limits['EVENTS_MAX']).toLocaleString('en')} events`,
  }
  expect(Object.entries(statements).filter(([, text]) => !page.includes(text))).toEqual([])
})

test('every link within the documentation has a target', () => {
  const pages = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'npm/README.md',
    ...readdirSync(join(ROOT, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ]
  const broken = pages.flatMap((path) =>
    linksOf(path)
      .filter(({ target, anchor }) => !hasTarget(target, anchor))
      .map(({ text }) => `${path}: ${text}`),
  )
  expect(broken).toEqual([])
})

function linksOf(path: string): { text: string; target: string; anchor: string }[] {
  const texts = [...readFileSync(join(ROOT, path), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].map(([, text]) => text ?? '')
  return texts
    .filter((text) => !/^\w+:/.test(text))
    .map((text) => {
      const [file = '', anchor = ''] = text.split('#')
      return { text, target: file ? relative(ROOT, join(ROOT, dirname(path), file)) : path, anchor }
    })
}

/** Anchors follow GitHub's rules: lower case, no punctuation, hyphens for spaces. */
function hasTarget(target: string, anchor: string): boolean {
  try {
    if (!anchor)
      return readdirSync(join(ROOT, dirname(target))).includes(target.split('/').at(-1) ?? '') || target === ''
    const headings = [...readFileSync(join(ROOT, target), 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    )
    return headings.includes(anchor)
  } catch {
    return false
  }
}
