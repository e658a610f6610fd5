// Writes `npm/dist`.
//
//   node npm/build.mjs --wasm <dir> [--out <dir>]
//
// `--wasm` names the directory with the modules, in `first`, `whole` and `translated`: each `lamplight_sdk_bg.wasm`,
// as written by `wasm-bindgen --target web` and then by `wasm-opt -Oz`. The last is the whole one in terms that JavaScript has. `--out` is `npm/dist` by default.
// Prints what a page downloads, in bytes: raw and brotli.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { run } from './binaryen.mjs'
import { Names, shorten } from './names.mjs'
import { packed, unpacker } from './pack.mjs'
import { writeTypes } from './types.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const { values } = parseArgs({
  options: { wasm: { type: 'string' }, out: { type: 'string', default: join(here, 'dist') } },
})
if (!values.wasm) throw new Error('say where the module is: node npm/build.mjs --wasm <dir>')
const [wasm, out] = [resolve(values.wasm), resolve(values.out)]
/** What makes a module small. Rust's memory begins with the far end of its stack, so nothing lies low. */
const SMALL = ['--low-memory-unused', '-Oz', '--reorder-functions']
const names = new Names()
const modules = { '': moduleIn('first'), 'whole-': moduleIn('whole') }
const translated = translate(moduleIn('translated'))

/** Entries that take a client and carry no module of their own. */
const COMPANIONS = ['auto', 'react', 'vue', 'svelte']
/** What is fetched later, by some. */
const CHUNKS = ['whole', 'translated']
/** A classic script: it must know by which tag it was loaded. */
const script = { entryPoints: [join(here, 'src/snippet.ts')], format: 'iife' }

/** Names that are ours alone, of what the module and its host call each other. */
const OURS =
  /^(wasm_.*|setNumbered|sizeBesides|handOver|answered|worked|woke|takePending|changed|learn|flushed|tell|hear|pass|enter|hold|grow|wake|whole|post|prefix|core|said)$/
// A page would give an option, or ask for a member, by a name that is no longer there.
for (const [, name] of readFileSync(join(here, 'src/types.ts'), 'utf8').matchAll(/(\w+)\??[:(<]/g)) {
  if (OURS.test(name)) throw new Error(`'${name}' is a name that pages know; it must not be shortened`)
}

/** All builds agree on the names: a page's client may come from one and the whole client from another. `beside` says what a script calls its chunks. */
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
// For `import`, and for `require`: of CommonJS code, and of test runners that know nothing else.
for (const [format, extension] of [
  ['esm', '.js'],
  ['cjs', '.cjs'],
]) {
  await bundle({
    entryPoints: {
      index: join(here, 'src/index.ts'),
      slim: join(here, 'src/entries/slim.ts'),
      // Fetched by `import()`, from wherever.
      ...(format === 'esm' && Object.fromEntries(CHUNKS.map((name) => [name, join(here, `src/${name}.ts`)]))),
      ...Object.fromEntries(COMPANIONS.map((name) => [name, join(here, `src/${name}.ts`)])),
    },
    outdir: out,
    outExtension: { '.js': extension },
    format,
    external: ['react', 'vue', 'svelte'],
    // Where there is no address of a module, `slim` must be told that of the file.
    logOverride: { 'empty-import-meta': 'silent' },
  })
}
const chunks = CHUNKS.map((name) => ({ name, text: readFileSync(join(out, `${name}.js`)) }))
await bundle({ ...script, outfile: join(out, 'snippet.js') }, (name) => `${name}.js`)
// As the server serves it: a cached script must not get the chunks of another build.
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
  'whole.js',
  'translated.js',
  'lamplight.wasm',
  'snippet.js',
  ...COMPANIONS.map((name) => `${name}.js`),
]
for (const name of written) console.log(name.padEnd(16), size(readFileSync(join(out, name))))

function moduleIn(folder) {
  const short = shorten(readFileSync(join(wasm, folder, 'lamplight_sdk_bg.wasm')), names)
  return run('wasm-opt', [...SMALL, '--enable-multivalue', '--enable-reference-types'], short)
}

/**
 * A module as a script whose `default` makes instances of it. wasm2js writes one instance, in a script's outermost scope;
 * a page may have several clients, so each gets a scope of its own.
 */
function translate(wasm) {
  const script = run('wasm2js', ['-Oz'], wasm).toString()
  const [, body] = /^import \* as \w+ from '\w+';\n(.*)\nvar retasmFunc = asmFunc\(\{/s.exec(script) ?? []
  if (!body) throw new Error('wasm2js has changed what it writes')
  return `export default (imports) => {\n${body}\nreturn asmFunc({ ${names.cache['wasm_imports']}: imports })\n}`
}

/**
 * `lamplight:wasm` is the module that a page begins with, packed, and `lamplight:unpacker` what unpacks it; `lamplight:whole-wasm`
 * the one that takes over, which `lamplight:translated` is in JavaScript. `lamplight:host` and `lamplight:overflow` are what they import.
 */
function addModules(build, beside) {
  build.onResolve({ filter: /^lamplight:(host|overflow)$/ }, ({ path }) => ({
    path: join(here, '../sdk-wasm/src/browser', `${path.slice(10)}.js`),
    sideEffects: false,
  }))
  build.onResolve({ filter: /^lamplight:((whole-)?wasm|translated|unpacker)$/ }, ({ path }) => ({
    path,
    namespace: 'module',
    sideEffects: false,
  }))
  // Chunks of their own, in whatever a site's bundler makes of the package.
  build.onResolve({ filter: /^\.\/(whole|translated)\.js$/ }, ({ path }) => ({ path, external: true }))
  if (beside) {
    // A script says where they lie; see `tag.ts`.
    build.onLoad({ filter: /src\/(handle|stand_in)\.ts$/ }, ({ path }) => ({
      contents: besideTheScript(readFileSync(path, 'utf8'), beside),
      loader: 'ts',
    }))
  }
  build.onLoad({ filter: /:translated$/, namespace: 'module' }, () => ({ contents: translated, loader: 'js' }))
  build.onLoad({ filter: /:unpacker$/, namespace: 'module' }, () => ({
    contents: `export default ${JSON.stringify(unpacker())}`,
    loader: 'js',
  }))
  for (const [prefix, wasm] of Object.entries(modules)) {
    build.onLoad({ filter: new RegExp(`:${prefix}wasm$`), namespace: 'module' }, () => ({
      // A third smaller than base64 once compressed; see `pack.mjs`. Escaped to ASCII, so that no charset can spoil it.
      contents: `export default ${JSON.stringify(packed(wasm))}`,
      loader: 'js',
    }))
  }
}

function besideTheScript(source, beside) {
  const addressed = source.replace(
    /import\('\.\/(\w+)\.js'\)/,
    (_, name) => `import(new URL('${beside(name)}', address).href)`,
  )
  if (addressed === source) throw new Error('nothing is imported where a chunk was')
  return `import { address } from './tag.ts'\n${addressed}`
}

/** Leaves a script in the forms in which the server answers with it, in `npm/served`, which the server embeds. */
function serve(name, script) {
  const folder = join(here, 'served')
  mkdirSync(folder, { recursive: true })
  for (const [suffix, bytes] of [
    ['', script],
    ['.br', brotli(script)],
    ['.gz', gzipSync(script, { level: 9 })],
  ]) {
    const path = join(folder, `${name}.js${suffix}`)
    // What is written anew makes Cargo compile the server anew.
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
