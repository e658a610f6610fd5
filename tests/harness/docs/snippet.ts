// Reads the fenced code blocks of the documentation, and the hidden notes about them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** The documentation: pages, and the source files whose comments become the reference. */
const SOURCES = [
  'README.md',
  'npm/README.md',
  'docs',
  'examples/rails',
  'examples/ios',
  'examples/android',
  'npm/src',
  'npm/src/entries',
]

/** A fenced code block. */
export interface Snippet {
  /** `docs/http.md:12` */
  at: string
  language: string
  text: string
  /** From the comment above it, such as `<!-- stores: opened; click: #accept -->`. */
  notes: Notes
}

export interface Notes {
  /**
   * Names of the events that the server has afterwards, in any order. Default: the names in the
   * snippet's calls.
   */
  stores?: string
  /** The snippet is a file of this name, and belongs to the next snippet that is not a file. */
  file?: string
  /** `node` for a script that runs in Node. Default: in a page. */
  in?: string
  /** The selector of an element to click once the page has loaded. */
  click?: string
  /** The command keeps running, and is ended once it prints this. */
  until?: string
  /** A part of its output. */
  prints?: string
  /** The command that runs the snippet, whose last word is its file, as a receiver of webhooks. */
  receives?: string
}

const KNOWN = ['stores', 'file', 'in', 'click', 'until', 'prints', 'receives']

/** A snippet with the files that belong to it, which run together. */
export interface Story {
  files: Snippet[]
  main: Snippet
}

/** Every page and every source file with at least one snippet, by its path in the repository. */
export function documented(): string[] {
  return SOURCES.flatMap((sandbox) => (/\.md$/.test(sandbox) ? [sandbox] : filesIn(sandbox))).filter(
    (path) => snippetsOf(path).length > 0,
  )
}

function filesIn(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder), { withFileTypes: true })
  return names
    .filter((entry) => entry.isFile() && /\.(md|ts|tsx)$/.test(entry.name))
    .map(({ name }) => `${folder}/${name}`)
    .sort()
}

export function snippetsOf(path: string): Snippet[] {
  const found: Snippet[] = []
  let open: { line: number; language: string; lines: string[] } | undefined
  let notes: Notes = {}
  for (const [index, raw] of readFileSync(join(ROOT, path), 'utf8').split('\n').entries()) {
    // In a source file, only comments are documentation.
    const line = path.endsWith('.md') ? raw : /^ *\*(?: |$)/.test(raw) ? raw.replace(/^ *\* ?/, '') : undefined
    if (line === undefined) continue
    if (/^\s+```/.test(line)) throw new Error(`${path}:${index + 1}: a code block must begin at the start of its line`)
    const fence = /^```(\w*)/.exec(line)
    if (open && fence) {
      found.push({ at: `${path}:${open.line}`, language: open.language, text: `${open.lines.join('\n')}\n`, notes })
      open = undefined
      notes = {}
    } else if (fence) {
      open = { line: index + 1, language: fence[1] ?? '', lines: [] }
    } else if (open) {
      open.lines.push(line)
    } else if (line.trim()) {
      notes = notesIn(line, `${path}:${index + 1}`)
    }
  }
  if (open) throw new Error(`${path}:${open.line}: this code block is not closed`)
  return found
}

function notesIn(line: string, at: string): Notes {
  const inside = /^<!-- (\w+: .*) -->$/.exec(line)?.[1]
  if (!inside) return {}
  const pairs = inside.split('; ').map((pair) => pair.split(/: (.*)/s).slice(0, 2) as [string, string])
  for (const [name] of pairs)
    if (!KNOWN.includes(name))
      throw new Error(`${at}: '${name}' is not a note about a snippet: use one of ${KNOWN.join(', ')}`)
  return Object.fromEntries(pairs)
}

/**
 * Whether a snippet shows the response to the request above it: the whole response or only its JSON
 * body.
 */
export function isResponse({ language, text }: Snippet): boolean {
  return language === 'json' || (language === 'http' && text.startsWith('HTTP/1.1 '))
}

/**
 * Files run with the snippet that follows them. All requests of a page with shown responses are one
 * story.
 */
export function storiesOf(path: string): Story[] {
  const stories: Story[] = []
  let files: Snippet[] = []
  const snippets = snippetsOf(path)
  const hasResponse = (index: number): boolean => {
    const next = snippets[index + 1]
    return snippets[index]?.language === 'sh' && next !== undefined && isResponse(next)
  }
  const exchanges = snippets.filter(
    (snippet, index) => snippet.language === 'http' || isResponse(snippet) || hasResponse(index),
  )
  for (const snippet of snippets) {
    if (exchanges.includes(snippet)) {
      if (snippet === exchanges[0]) stories.push({ files: exchanges, main: snippet })
    } else if (snippet.notes.file) {
      files.push(snippet)
    } else {
      stories.push({ files, main: snippet })
      files = []
    }
  }
  if (files[0]) throw new Error(`${files[0].at}: this file is not followed by a snippet that uses it`)
  return stories
}
