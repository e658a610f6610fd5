// Writes `npm/dist`.
//
//   node npm/build.mjs --wasm <dir> [--out <dir>]
//
// `--wasm` is the directory with the modules in the folders `first`, `full` and `translated`: each
// has the `lamplight_sdk_bg.wasm` and `lamplight_sdk.js` that wasm-bindgen wrote, optimised. The
// last is the full module compiled for wasm2js. `--out` defaults to `npm/dist`. Prints the size of
// each file that pages download, raw and with brotli.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { run } from './binaryen.mjs'
import { checkDeclarations } from './generated.mjs'
import { shortenGlue } from './glue.mjs'
import { encodedDecoder, encodeModule } from './module_text.mjs'
import { SHORTENED, shorten } from './names.mjs'
import { writeTypes } from './types.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const { values } = parseArgs({
  options: { wasm: { type: 'string' }, out: { type: 'string', default: join(here, 'dist') } },
})
if (!values.wasm)
  throw new Error('--wasm is missing: run node npm/build.mjs --wasm <dir>, with the directory of the modules')
const [wasm, out] = [resolve(values.wasm), resolve(values.out)]
checkDeclarations(wasm)
const LATER_FEATURES = ['--enable-multivalue', '--enable-reference-types']
const first = module('first', LATER_FEATURES)
const full = module('full', LATER_FEATURES)
const translated = module('translated', [])

const FORMATS = [
  ['esm', '.js'],
  ['cjs', '.cjs'],
]

/** Entries that take a client and contain no module. */
const COMPANIONS = ['auto', 'react', 'vue', 'svelte']

/** A module with short names, and the JavaScript that wasm-bindgen generated for it. */
function module(name, features) {
  const folder = join(wasm, name)
  const short = shorten(readFileSync(join(folder, 'lamplight_sdk_bg.wasm')), features)
  return { ...short, glue: join(folder, 'lamplight_sdk.js'), isTranslated: name === 'translated' }
}

/**
 * Bundles the sources with a module. `beside` gives the file name of a chunk next to the script.
 */
async function bundle(module, options, beside) {
  const { outputFiles } = await build({
    bundle: true,
    minify: true,
    target: 'es2022',
    mangleProps: SHORTENED,
    mangleQuoted: true,
    mangleCache: module.names,
    plugins: [{ name: 'modules', setup: (build) => addModules(build, module, beside) }],
    // Scripts and CommonJS have no `import.meta.url`; callers of `slim` pass the address there.
    logOverride: { 'empty-import-meta': 'silent' },
    ...options,
  })
  return outputFiles
}

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
// For `import`, and for `require` in CommonJS code and in test runners that only support it.
for (const [format, extension] of FORMATS) {
  await bundle(first, {
    entryPoints: {
      index: join(here, 'src/index.ts'),
      slim: join(here, 'src/entries/slim.ts'),
      ...Object.fromEntries(COMPANIONS.map((name) => [name, join(here, `src/${name}.ts`)])),
    },
    outdir: out,
    outExtension: { '.js': extension },
    format,
    external: ['react', 'vue', 'svelte'],
  })
}
// Chunks that pages fetch later if they need them; CommonJS code fetches them with `import()`, too.
await bundle(full, { entryPoints: [join(here, 'src/full.ts')], outdir: out, format: 'esm' })
await bundle(full, { entryPoints: [join(here, 'src/debug.ts')], outdir: out, format: 'esm' })
// With everything in it, because service workers may not load chunks.
for (const [format, extension] of FORMATS) {
  await bundle(full, {
    entryPoints: { worker: join(here, 'src/entries/worker.ts') },
    outdir: out,
    outExtension: { '.js': extension },
    format,
  })
}
await bundle(translated, { entryPoints: [join(here, 'src/without_wasm/translated.ts')], outdir: out, format: 'esm' })
/** A classic script, because a module does not know which tag loaded it. */
const script = { entryPoints: [join(here, 'src/snippet.ts')], format: 'iife' }
const chunks = ['full', 'translated', 'debug'].map((name) => ({ name, text: readFileSync(join(out, `${name}.js`)) }))
await bundle(first, { ...script, outfile: join(out, 'snippet.js') }, (name) => `${name}.js`)
// The server's script names its chunks by hash, because a cached script must not get those of
// another build.
const hashes = Object.fromEntries(
  chunks.map(({ name, text }) => [name, createHash('sha256').update(text).digest('hex').slice(0, 16)]),
)
const [served] = await bundle(
  first,
  { ...script, write: false },
  (name) => `lamplight-${name}.js?build=${hashes[name]}`,
)
serve('lamplight', Buffer.from(served.contents))
for (const { name, text } of chunks) serve(`lamplight-${name}`, text)
writeFileSync(join(out, 'lamplight.wasm'), first.wasm)
writeTypes(out)
const written = [
  'index.js',
  'slim.js',
  'full.js',
  'translated.js',
  'debug.js',
  'worker.js',
  'lamplight.wasm',
  'snippet.js',
  ...COMPANIONS.map((name) => `${name}.js`),
]
for (const name of written) console.log(name.padEnd(16), size(readFileSync(join(out, name))))

/**
 * Resolves the modules that the build provides. `lamplight:first` and `lamplight:full` are the
 * JavaScript of the modules, `lamplight:wasm` and `lamplight:full-wasm` their bytes as text, and
 * `lamplight:decoder` is the module that decodes them.
 */
function addModules(build, module, beside) {
  build.onResolve({ filter: /^lamplight:(first|full)$/ }, () =>
    module.isTranslated
      ? { path: 'translated', namespace: 'module', sideEffects: false }
      : { path: module.glue, sideEffects: false },
  )
  build.onResolve({ filter: /^lamplight:(translated|(full-)?wasm|decoder)$/ }, ({ path }) => ({
    path,
    namespace: 'module',
    sideEffects: false,
  }))
  // External, so that they stay separate chunks when a site's bundler processes the package.
  build.onResolve({ filter: /^\.\/(full|translated|debug)\.js$/ }, ({ path }) => ({ path, external: true }))
  if (beside) {
    // A script computes the addresses of its chunks; see `tag.ts`.
    build.onLoad({ filter: /src\/(fetch_warnings|first|without_wasm\/fetch_translated)\.ts$/ }, ({ path }) => ({
      contents: besideTheScript(readFileSync(path, 'utf8'), beside),
      loader: 'ts',
    }))
  }
  const glue = () => shortenGlue(readFileSync(module.glue, 'utf8'), join(here, 'src/text.ts'))
  build.onLoad({ filter: /lamplight_sdk\.js$/ }, () => ({ contents: glue(), loader: 'js' }))
  if (build.initialOptions.entryPoints.worker)
    for (const [name, instead] of [
      ['fetch_translated', 'without_wasm/refused'],
      ['fetch_warnings', 'debug/included'],
    ])
      build.onResolve({ filter: new RegExp(`/${name}\\.ts$`) }, () => ({ path: join(here, `src/${instead}.ts`) }))
  const provide = (name, contents) =>
    build.onLoad({ filter: new RegExp(`^${name}$`), namespace: 'module' }, () => ({
      contents: contents(),
      loader: 'js',
      resolveDir: dirname(module.glue),
    }))
  // A third smaller than base64 when compressed; see `module_text.mjs`. esbuild escapes it to
  // ASCII, so it does not depend on the page's charset.
  provide('lamplight:(full-)?wasm', () => `export default ${JSON.stringify(encodeModule(module.wasm))}`)
  provide('lamplight:decoder', () => `export default ${JSON.stringify(encodedDecoder())}`)
  // The translated module takes the place of `WebAssembly`.
  provide('translated', () => `import { WebAssembly } from 'lamplight:translated'\n${glue()}`)
  provide('lamplight:translated', () => translate(module.wasm))
}

/**
 * A script that takes the place of `WebAssembly` for the generated JavaScript: it has one module,
 * which wasm2js translated.
 */
function translate(wasm) {
  return `${run('wasm2js', ['-Oz', '--emscripten'], wasm).output}
// wasm2js copies memory that grows, and the generated JavaScript recognizes growth by a detached
// buffer.
class Int8Array extends globalThis.Int8Array {
  set(memory) {
    super.set(memory)
    new MessageChannel().port1.postMessage(0, [memory.buffer])
  }
}
class Instance {
  constructor(_, imports) {
    this.exports = instantiate(imports)
  }
}
export const WebAssembly = { Module: class {}, Instance }`
}

function besideTheScript(source, beside) {
  const addressed = source.replace(
    /import\('\.\/(\w+)\.js'\)/,
    (_, name) => `import(new URL('${beside(name)}', addressOfScript).href)`,
  )
  if (addressed === source)
    throw new Error('failed to find the import of a chunk: adapt the pattern in besideTheScript()')
  return `import { address as addressOfScript } from ${JSON.stringify(join(here, 'src/tag.ts'))}\n${addressed}`
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
