// The messages that a page of the documentation quotes.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** Patterns of the code spans of a page, in which `…` is any text. */
export function quotedMessages(path: string): RegExp[] {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '').replace(/\n +/g, ' ')
  const spans = [...prose.matchAll(/(`+)([\s\S]+?)\1(?!`)/g)].map(([, , span = '']) => span.replace(/\s+/g, ' '))
  return spans.map((quoted) => new RegExp(`^${quoted.split('…').map(escaped).join('.*')}$`, 's'))
}

/** Whether one of the patterns, and not only `…` alone, is the whole message. */
export function isQuoted(message: string, patterns: RegExp[]): boolean {
  return patterns.some((pattern) => pattern.source.length > 8 && pattern.test(message))
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
