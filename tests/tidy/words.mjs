// The words that nothing in this repository uses, each with what to write instead, and a command
// that finds them.
//
//   node tests/tidy/words.mjs [PATH...]     lists what it finds under each path; without a path, in
//   the whole repository
//
// It also lists comment lines over 100 columns, lines of Markdown prose over 120, and test names
// over 80 characters.
import { execFileSync } from 'node:child_process'
import { readFileSync, realpathSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { longComments, longProse, longTestNames } from './columns.mjs'

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/**
 * Each pattern matches whole words in any case. Identifiers count as the words they are made of, so
 * `heed` also finds `heed_withdrawal` and `heedWithdrawal`; a space in a pattern matches a line
 * break in prose as well. Standard terms of the field are never banned, and a pattern that would
 * find good English does not belong here.
 */
export const BANNED = [
  ['whom', 'who, or name the person or part'],
  ['heed(s|ed|ing)?', 'apply, follow or obey'],
  ['mend(s|ed|ing)?', 'fix or repair'],
  ['for ever', 'permanently, or without end'],
  ['(?<!(copy|copies|part|version) )of itself', 'by default, or automatically'],
  ['knock(s|ed|ing)?', 'request or try'],
  ['hearken(s|ed)?', 'listen'],
  ['thereof|whereof|therein|wherein|whence|thence|whither|hither|forthwith', 'name the thing, place or time'],
  ['naught|nought|aught|unto|whilst|albeit|hitherto', 'the word of today'],
  ['lest', 'so that … not'],
  ['betray(s|ed|ing)?', 'reveal or expose'],
  ['anew|afresh', 'again, or from the beginning'],
  ['(stand(s|ing)?|stood) back', 'lower the thread priority, or wait'],
  ['(let|lets|letting) go', 'delete, release or prune'],
  ['what (came|comes|become|becomes|became) of', 'the result or outcome of'],
  ['(come|comes|came|coming) round', 'repeat, retry or be due again'],
  ['so many(?! that\\b)', 'the number and its unit: "after this many seconds"'],
  ['nothing but', 'only'],
  ["somebody else s|somebody else's", "another user's"],
  ['(see|sees|saw|seen) to it', 'ensure'],
  ['hurry|hurries|hurried|hurrying', 'load sooner, or say what happens earlier'],
  ['unpack(s|ed|ing|er)?(?! bytes\\b)', 'decompress', /\btar|tgz|npm pack|archive/i],
  ["whole (client|module|client's|module's)", 'full client or full module'],
  ['gone (page|tab|producer)s?', 'orphaned producer, or closed tab or page'],
  ['witness(es|ed|ing)?', 'recorder, or record'],
  ['weather', 'faults'],
  ['happenings?', 'schedule, events or incidents'],
  ['fates?', 'outcome'],
  ['desks?', 'name what it is: queue, worker, listeners'],
  ['pace', 'rate or throughput'],
  [
    '(is|are|was|were) (not )?to be (\\w+ed|done|sent|read|kept|made|told|given|built|had)',
    'must be, or say who does it',
  ],
].map(([words, write, except]) => ({
  words: new RegExp(`(?<![\\p{L}\\p{N}])(${words})(?![\\p{L}\\p{N}])`, 'giu'),
  write,
  except,
}))

const TEXT = /\.(rs|ts|tsx|mts|cts|mjs|cjs|js|jsx|css|html|json|md|toml|sql|sh|yml|yaml|swift|kt|rb|wat)$|(^|\/)run$/
/**
 * This list and its test; what is generated; licences; SQL that databases have been made with,
 * whose text is part of its checksum.
 */
const LEFT_OUT =
  /^tests\/tidy\/words(\.test)?\.mjs$|(^|\/)(dist|generated|results|snapshots|crashers)\/|package-lock\.json$|\.lock$|^docs\/api\/|LICENSE|^server\/migrations\//

/** Files under `paths` that are tracked, or will be, and hold text that people wrote. */
export function written(paths = []) {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '--', ...paths]
  const names = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0')
  return [...new Set(names)].filter((name) => TEXT.test(name) && !LEFT_OUT.test(name))
}

/** What is wrong in a file, as `file:line: …`, in the order of its lines. */
export function findings(file, text) {
  return [
    ...bannedWords(text),
    ...longComments(file, text),
    ...longProse(file, text),
    ...longTestNames(file, text),
    ...nameOfFile(file),
  ]
    .sort((one, other) => one.line - other.line)
    .map(({ line, problem }) => `${file}:${line}: ${problem}`)
}

function* bannedWords(text) {
  const lines = text.split('\n')
  const { joined, starts } = normalised(lines)
  for (const { words, write, except } of BANNED) {
    for (const { 0: found, index } of joined.matchAll(words)) {
      const line = lineOf(starts, index)
      if (!except?.test(lines[line - 1])) yield { line, problem: `'${found}': write ${write}` }
    }
  }
}

function* nameOfFile(file) {
  for (const { problem } of bannedWords(file.replaceAll('/', '\n')))
    yield { line: 1, problem: `the name of the file: ${problem}` }
}

/**
 * Line breaks with the marks of comments become spaces, and identifiers the words they are made of.
 */
function normalised(lines) {
  const starts = []
  let joined = ''
  for (const line of lines) {
    starts.push(joined.length)
    const bare = line.replace(/^\s*(\/\/[/!]?|\/?\*+|#+|--|>)?\s*/, '')
    joined += `${bare.replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2').replace(/[_-]+/g, ' ')} `
  }
  return { joined: joined.replace(/[’]/g, "'"), starts }
}

/** The line, from 1, in which the character at `index` is. */
function lineOf(starts, index) {
  const next = starts.findIndex((start) => start > index)
  return next < 0 ? starts.length : next
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const paths = process.argv.slice(2).map((path) => relative(root, resolve(path)) || '.')
  const found = written(paths).flatMap((file) => findings(file, read(file)))
  for (const finding of found) console.log(finding)
  console.log(`${found.length} to fix`)
  process.exitCode = found.length > 0 ? 1 : 0
}

/** The text of a file, or nothing if it is deleted and not yet committed. */
export function read(file) {
  try {
    return readFileSync(join(root, file), 'utf8')
  } catch {
    return ''
  }
}
