// Writes `npm/dist`.
//
//   node npm/build.mjs --wasm <dir> [--out <dir>]
//
// `--wasm` is the directory with the modules in the folders `first`, `full` and `translated`: in
// each `lamplight_sdk_bg.wasm`, as written by `wasm-bindgen --target web` and then `wasm-opt -Oz`.
// The last is the full module compiled for wasm2js. `--out` defaults to `npm/dist`. Prints the size
// of each file that pages download, raw and with brotli.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { run } from './binaryen.mjs'
import { encodedDecoder, encodeModule } from './module_text.mjs'
import { Names, shorten } from './names.mjs'
import { writeTypes } from './types.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const { values } = parseArgs({
  options: { wasm: { type: 'string' }, out: { type: 'string', default: join(here, 'dist') } },
})
if (!values.wasm)
  throw new Error('--wasm is missing: run node npm/build.mjs --wasm <dir>, with the directory of the modules')
const [wasm, out] = [resolve(values.wasm), resolve(values.out)]
/**
 * Optimises for size. Rust's memory begins with the end of its stack, so low addresses are unused.
 */
const SMALL = ['--low-memory-unused', '-Oz', '--reorder-functions']
const names = new Names()
const modules = { '': moduleIn('first'), 'full-': moduleIn('full') }
const translated = translate(moduleIn('translated'))

/** Entries that take a client and contain no module. */
const COMPANIONS = ['auto', 'react', 'vue', 'svelte']
/** Chunks that pages fetch later if they need them. */
const CHUNKS = { full: 'full', translated: 'without_wasm/translated' }
/** A classic script, because a module does not know which tag loaded it. */
const script = { entryPoints: [join(here, 'src/snippet.ts')], format: 'iife' }

/** Names that are ours alone, of what the module and its host call each other. */
const OURS =
  /^(wasm_.*|setNumbered|sizeExcluding|handOver|answered|overflowDone|timerFired|takePending|changed|learn|flushed|emit|receive|pass|enter|holdLock|loadFullClient|setTimer|fetchFullClient|postRequest|setEventPrefix|core|returnedText|releaseLock)$/
// Pages pass these names as options, or read them as members.
const publicTypes = ['types', 'types/results']
  .map((name) => readFileSync(join(here, `src/${name}.ts`), 'utf8'))
  .join('\n')
for (const [, name] of publicTypes.matchAll(/(\w+)\??[:(<]/g)) {
  if (OURS.test(name))
    throw new Error(
      `'${name}' is a name in the public types: rename the private one in OURS, so that it is not shortened`,
    )
}

/**
 * Bundles with the short names of all other bundles, because a page may load its first client and
 * the full client from different ones. `beside` gives the file name of a chunk next to the script.
 */
async function bundle(options, beside) {
  const { mangleCache, outputFiles } = await build({
    bundle: true,
    minify: true,
    target: 'es2022',
    mangleProps: OURS,
    mangleCache: names.cache,
    plugins: [{ name: 'modules', setup: (build) => addModules(build, beside) }],
    ...options,
  })
  names.cache = mangleCache
  return outputFiles
}

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
// For `import`, and for `require` in CommonJS code and in test runners that only support it.
for (const [format, extension] of [
  ['esm', '.js'],
  ['cjs', '.cjs'],
]) {
  await bundle({
    entryPoints: {
      index: join(here, 'src/index.ts'),
      slim: join(here, 'src/entries/slim.ts'),
      // CommonJS code fetches these with `import()`, too.
      ...(format === 'esm' && mapValues(CHUNKS, (path) => join(here, `src/${path}.ts`))),
      ...Object.fromEntries(COMPANIONS.map((name) => [name, join(here, `src/${name}.ts`)])),
    },
    outdir: out,
    outExtension: { '.js': extension },
    format,
    external: ['react', 'vue', 'svelte'],
    // In CommonJS there is no `import.meta.url`, so callers of `slim` pass the address.
    logOverride: { 'empty-import-meta': 'silent' },
  })
}
const chunks = Object.keys(CHUNKS).map((name) => ({ name, text: readFileSync(join(out, `${name}.js`)) }))
await bundle({ ...script, outfile: join(out, 'snippet.js') }, (name) => `${name}.js`)
// The server's script names its chunks by hash, because a cached script must not get those of
// another build.
const hashes = Object.fromEntries(
  chunks.map(({ name, text }) => [name, createHash('sha256').update(text).digest('hex').slice(0, 16)]),
)
const [served] = await bundle({ ...script, write: false }, (name) => `lamplight-${name}.js?build=${hashes[name]}`)
serve('lamplight', Buffer.from(served.contents))
for (const { name, text } of chunks) serve(`lamplight-${name}`, text)
writeFileSync(join(out, 'lamplight.wasm'), modules[''])
writeTypes(out)
const written = [
  'index.js',
  'slim.js',
  'full.js',
  'translated.js',
  'lamplight.wasm',
  'snippet.js',
  ...COMPANIONS.map((name) => `${name}.js`),
]
for (const name of written) console.log(name.padEnd(16), size(readFileSync(join(out, name))))

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]))
}

function moduleIn(folder) {
  const short = shorten(readFileSync(join(wasm, folder, 'lamplight_sdk_bg.wasm')), names)
  return run('wasm-opt', [...SMALL, '--enable-multivalue', '--enable-reference-types'], short)
}

/**
 * A module as a script whose default export creates instances. wasm2js writes one instance in the
 * script's outermost scope, but a page may have several clients, so each gets its own scope.
 */
function translate(wasm) {
  const script = run('wasm2js', ['-Oz'], wasm).toString()
  const [, body] = /^import \* as \w+ from '\w+';\n(.*)\nvar retasmFunc = asmFunc\(\{/s.exec(script) ?? []
  if (!body) throw new Error('failed to find the instance in the output of wasm2js: adapt the pattern in translate()')
  return `export default (imports) => {\n${body}\nreturn asmFunc({ ${names.cache['wasm_imports']}: imports })\n}`
}

/**
 * Resolves the modules that `src/modules.d.ts` declares. `lamplight:wasm` is the first client's
 * module, encoded as text, `lamplight:full-wasm` the full client's, and `lamplight:decoder` the
 * module that decodes them. `lamplight:translated` is the full client's module in JavaScript.
 * `lamplight:host` and `lamplight:overflow` are the JavaScript that the modules import.
 */
function addModules(build, beside) {
  build.onResolve({ filter: /^lamplight:(host|overflow)$/ }, ({ path }) => ({
    path: join(here, '../sdk-wasm/src/browser', `${path.slice(10)}.js`),
    sideEffects: false,
  }))
  build.onResolve({ filter: /^lamplight:((full-)?wasm|translated|decoder)$/ }, ({ path }) => ({
    path,
    namespace: 'module',
    sideEffects: false,
  }))
  // External, so that they stay separate chunks when a site's bundler processes the package.
  build.onResolve({ filter: /^\.\/(full|translated)\.js$/ }, ({ path }) => ({ path, external: true }))
  if (beside) {
    // A script computes the addresses of its chunks; see `tag.ts`.
    build.onLoad({ filter: /src\/(handle|without_wasm\/pending_calls)\.ts$/ }, ({ path }) => ({
      contents: besideTheScript(readFileSync(path, 'utf8'), beside),
      loader: 'ts',
    }))
  }
  build.onLoad({ filter: /:translated$/, namespace: 'module' }, () => ({ contents: translated, loader: 'js' }))
  build.onLoad({ filter: /:decoder$/, namespace: 'module' }, () => ({
    contents: `export default ${JSON.stringify(encodedDecoder())}`,
    loader: 'js',
  }))
  for (const [prefix, wasm] of Object.entries(modules)) {
    build.onLoad({ filter: new RegExp(`:${prefix}wasm$`), namespace: 'module' }, () => ({
      // A third smaller than base64 when compressed; see `module_text.mjs`. esbuild escapes it to
      // ASCII, so it does not depend on the page's charset.
      contents: `export default ${JSON.stringify(encodeModule(wasm))}`,
      loader: 'js',
    }))
  }
}

function besideTheScript(source, beside) {
  const addressed = source.replace(
    /import\('\.\/(\w+)\.js'\)/,
    (_, name) => `import(new URL('${beside(name)}', address).href)`,
  )
  if (addressed === source)
    throw new Error('failed to find the import of a chunk: adapt the pattern in besideTheScript()')
  return `import { address } from ${JSON.stringify(join(here, 'src/tag.ts'))}\n${addressed}`
}

/**
 * Writes a script to `npm/served`, which the server embeds, in each encoding that the server
 * serves.
 */
function serve(name, script) {
  const folder = join(here, 'served')
  mkdirSync(folder, { recursive: true })
  for (const [suffix, bytes] of [
    ['', script],
    ['.br', brotli(script)],
    ['.gz', gzipSync(script, { level: 9 })],
  ]) {
    const path = join(folder, `${name}.js${suffix}`)
    // Writing an unchanged file would make Cargo compile the server again.
    if (!existsSync(path) || !readFileSync(path).equals(bytes)) writeFileSync(path, bytes)
  }
}

function brotli(bytes) {
  return brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22 },
  })
}

function size(bytes) {
  return `${bytes.length} bytes, ${brotli(bytes).length} brotli`
}
