// The fenced code blocks of a page of documentation, and what its reader is not shown about them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** Where documentation stands: pages, and the source files whose comments become the reference. */
const PLACES = [
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
  /** What a comment above it says: `<!-- stores: opened; click: #accept -->`. */
  notes: Notes
}

export interface Notes {
  /** Names of the events that the server has afterwards, in any order. Default: those of the calls in it. */
  stores?: string
  /** The name of a file that it is. It belongs to the next snippet that is none. */
  file?: string
  /** `node` for a script that runs there; default a page. */
  in?: string
  /** What is pressed once it runs: a selector. */
  click?: string
  /** A command that goes on by itself until it says this. */
  until?: string
  /** What it prints, or a part of that. */
  prints?: string
}

const KNOWN = ['stores', 'file', 'in', 'click', 'until', 'prints']

/** A snippet with the files that belong to it; what runs as one. */
export interface Story {
  files: Snippet[]
  main: Snippet
}

/** Every page and every source file with at least one snippet, by its path in the repository. */
export function documented(): string[] {
  return PLACES.flatMap((place) => (/\.md$/.test(place) ? [place] : filesIn(place))).filter(
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
    // In a source file, documentation is what stands in its comments.
    const line = path.endsWith('.md') ? raw : /^ *\*(?: |$)/.test(raw) ? raw.replace(/^ *\* ?/, '') : undefined
    if (line === undefined) continue
    if (/^\s+```/.test(line))
      throw new Error(`${path}:${index + 1}: a code block begins at the start of its line, or it is not seen`)
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
  if (open) throw new Error(`${path}:${open.line}: this code block has no end`)
  return found
}

function notesIn(line: string, at: string): Notes {
  const inside = /^<!-- (\w+: .*) -->$/.exec(line)?.[1]
  if (!inside) return {}
  const pairs = inside.split('; ').map((pair) => pair.split(/: (.*)/s).slice(0, 2) as [string, string])
  for (const [name] of pairs)
    if (!KNOWN.includes(name))
      throw new Error(`${at}: nothing can be said about a snippet by '${name}'; there are ${KNOWN.join(', ')}`)
  return Object.fromEntries(pairs)
}

/** Whether a snippet shows what the request above it gets: an HTTP response, or its JSON body alone. */
export function isAnswer({ language, text }: Snippet): boolean {
  return language === 'json' || (language === 'http' && text.startsWith('HTTP/1.1 '))
}

/** Files run with the snippet that follows them. All requests of a page that show their answers are one story. */
export function storiesOf(path: string): Story[] {
  const stories: Story[] = []
  let files: Snippet[] = []
  const snippets = snippetsOf(path)
  const isAnswered = (index: number): boolean => {
    const next = snippets[index + 1]
    return snippets[index]?.language === 'sh' && next !== undefined && isAnswer(next)
  }
  const conversation = snippets.filter(
    (snippet, index) => snippet.language === 'http' || isAnswer(snippet) || isAnswered(index),
  )
  for (const snippet of snippets) {
    if (conversation.includes(snippet)) {
      if (snippet === conversation[0]) stories.push({ files: conversation, main: snippet })
    } else if (snippet.notes.file) {
      files.push(snippet)
    } else {
      stories.push({ files, main: snippet })
      files = []
    }
  }
  if (files[0]) throw new Error(`${files[0].at}: no snippet after this file uses it`)
  return stories
}
