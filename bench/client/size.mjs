// Prints the bytes that a page downloads for each entry, after a site's minifier, and which
// functions use them.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { brotli, bundle } from './bundle.mjs'
import { functionsOf, sumBy } from './functions.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({ options: { modules: { type: 'string', default: join(root, 'target/browser-module') } } })
const goalBytes = 20_000

// The limits leave a few percent for other compiler versions. They decrease, except for what
// protects events and the page. Bounds and checks of what a page passes took 1,000 bytes. Asking
// what arrived of an earlier page took 700 bytes of the full client.
const ENTRIES = [
  {
    what: 'page: init + track',
    code: "import { init } from 'lamplight'\ninit({ url: '/', key: 'wk_x' }).track('opened')",
    limitBytes: 21_500,
    later: [
      { chunk: 'full', what: 'full client, fetched later', limitBytes: 38_500 },
      { chunk: 'translated', what: 'translated client, for pages without WebAssembly', limitBytes: 53_500 },
      { chunk: 'debug', what: 'warnings, on the own machine', limitBytes: 2_000 },
    ],
  },
  {
    what: 'slim: init + track without the module',
    code: "import { load } from 'lamplight/slim'\nawait load()",
    limitBytes: 8_400,
  },
  {
    what: 'worker: init + track with everything',
    code: "import { init } from 'lamplight/worker'\ninit({ url: '/', key: 'wk_x' }).track('opened')",
    limitBytes: 47_000,
  },
]

/** The files that a page fetches for `code` before it runs, and `later` by the chunk's name. */
async function bundled(code) {
  const { files, first, bytesOf } = await bundle(code, root)
  const later = (chunk) => bytesOf([...files.keys()].filter((name) => !first.has(name) && name.startsWith(chunk)))
  return { first: bytesOf(first), later }
}

const rows = []
const add = (what, bytes, limitBytes) =>
  rows.push({ what, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotli(bytes), limitBytes })

for (const { what, code, limitBytes, later } of ENTRIES) {
  const files = await bundled(code)
  add(what, files.first, limitBytes)
  for (const { chunk, what, limitBytes } of later ?? []) add(what, files.later(chunk), limitBytes)
}
add('only the module of the page', readFileSync(join(root, 'npm/dist/lamplight.wasm')))

console.table(Object.fromEntries(rows.map(({ what, ...sizes }) => [what, sizes])))
const total = rows[0].brotli
console.log(`goal ${goalBytes}: ${total <= goalBytes ? 'met' : `missed by ${total - goalBytes}`}`)
for (const name of ['first', 'full']) {
  const named = join(values.modules, name, 'named.wasm')
  if (!existsSync(named)) continue
  console.log(`\nBytes of code in the ${name} module by Rust module, before compression:`)
  console.table(sumBy(functionsOf(readFileSync(named)), 25))
}
mkdirSync(join(root, 'bench/results'), { recursive: true })
writeFileSync(join(root, 'bench/results/size.json'), JSON.stringify(rows, null, 2))
for (const { what, brotli, limitBytes } of rows.filter((row) => row.brotli > row.limitBytes)) {
  console.error(
    `'${what}' has ${brotli} bytes with brotli, and its limit is ${limitBytes}: the tables above show what uses them.`,
  )
  process.exitCode = 1
}
