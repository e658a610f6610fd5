// What a page downloads for init + track, in brotli bytes, entry by entry, after the minifier that a site would use.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))
const dist = join(root, 'npm/dist')
const goalBytes = 15_000
// What it weighs today, rounded up: it may only shrink.
const limitBytes = 23_600

const brotli = (bytes) =>
  brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 } }).length

async function bundled(code) {
  const result = await build({
    stdin: { contents: code, resolveDir: root },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    write: false,
  })
  return result.outputFiles[0].contents
}

const rows = []
const add = (what, bytes) => rows.push({ what, raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotli(bytes) })

add('page: init + track (everything)', await bundled("import { init } from 'lamplight'\ninit({ url: '/', key: 'wk_x' }).track('opened')"))
add('of which the module, alone', readFileSync(join(dist, 'lamplight.wasm')))

console.table(Object.fromEntries(rows.map(({ what, ...sizes }) => [what, sizes])))
const total = rows[0].brotli
console.log(`goal ${goalBytes}: ${total <= goalBytes ? 'met' : `missed by ${total - goalBytes}`}; limit ${limitBytes}`)
mkdirSync(join(root, 'bench/results'), { recursive: true })
writeFileSync(join(root, 'bench/results/size.json'), JSON.stringify(rows, null, 2))
if (total > limitBytes) {
  console.error(`a page downloads ${total} brotli bytes; the limit is ${limitBytes}. Find what grew with \`twiggy top\` on target/browser-module, or by bisecting.`)
  process.exit(1)
}
