// The language of the repository: the words of `words.mjs`, and the columns of `columns.mjs`.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findings, read, written } from './words.mjs'

test('plain words everywhere, comments of 100 columns, prose of 120, test names of 80', () => {
  const found = written().flatMap((file) => findings(file, read(file)))
  assert.deepEqual(found, [], '`node tests/tidy/words.mjs PATH` lists these for a path')
})

test('a banned word is found in prose, across lines, and inside an identifier', () => {
  const text = ['// Kept for', '// ever.', 'const heedNobody = let_go(1)'].join('\n')
  assert.deepEqual(findings('a.ts', text), [
    "a.ts:1: 'for ever': write permanently, or without end",
    "a.ts:3: 'heed': write apply, follow or obey",
    "a.ts:3: 'let go': write delete, release or prune",
  ])
})

test('a word that only contains a banned one, or has another meaning, is not found', () => {
  const text = ['The copy of itself is amended; so many that npm unpacks the tarball.', 'SELECT unpacked_bytes'].join(
    '\n',
  )
  assert.deepEqual(findings('a.md', text), [])
})

test('a comment, a line of prose, and a test name that are too long are found', () => {
  const long = (columns) => 'word '.repeat(columns / 5).trim()
  const columns = (file, text) => findings(file, text).map((finding) => finding.replace(/^[^ ]* /, ''))
  assert.deepEqual(columns('a.rs', `/// ${long(100)}`), ['a comment of 103 columns: wrap it at 100'])
  assert.deepEqual(columns('a.rs', `/* begins\n${long(105)}\n*/ ${long(105)}`), [
    'a comment of 104 columns: wrap it at 100',
    'a comment of 107 columns: wrap it at 100',
  ])
  assert.deepEqual(columns('a.md', `${long(125)}\n| ${long(125)} |\n\`\`\`\n${long(125)}\n\`\`\``), [
    'prose of 124 columns: wrap it at 120',
  ])
  assert.deepEqual(columns('a.ts', `// https://example.com/${'a'.repeat(100)}`), [])
  assert.deepEqual(columns('a.ts', `test('${long(85)}', () => {})`), ['a test name of 84 characters: 80 at most'])
  assert.deepEqual(columns('a.rs', `#[test]\nfn ${'a'.repeat(81)}() {}`), ['a test name of 81 characters: 80 at most'])
})
