// Writes `npm/dist`.
//
//   node npm/build.mjs --wasm <dir> [--out <dir>]
//
// `--wasm` names the directory with the two modules, in `first` and `whole`: each `lamplight_sdk_bg.wasm`,
// as written by `wasm-bindgen --target web` and then by `wasm-opt -Oz`. `--out` is `npm/dist` by default.
// Prints what a page downloads, in bytes: raw and brotli.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { Names, shorten } from './names.mjs'
import { writeTypes } from './types.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const { values } = parseArgs({ options: { wasm: { type: 'string' }, out: { type: 'string', default: join(here, 'dist') } } })
if (!values.wasm) throw new Error('say where the module is: node npm/build.mjs --wasm <dir>')
const [wasm, out] = [resolve(values.wasm), resolve(values.out)]
const names = new Names()
const modules = { '': moduleIn('first'), 'whole-': moduleIn('whole') }

/** Entries that take a client and carry no module of their own. */
const COMPANIONS = ['auto', 'react', 'vue', 'svelte']
/** A classic script: it must know by which tag it was loaded. */
const script = { entryPoints: [join(here, 'src/snippet.ts')], format: 'iife' }

/** All builds agree on the names: a page's client may come from one and the whole client from another. */
async function bundle(whole, options) {
  const { mangleCache, outputFiles } = await build({
    bundle: true,
    minify: true,
    target: 'es2022',
    // Names that are ours alone, of what the module and its host call each other.
    mangleProps: /^(wasm_.*|setNumbered|sizeBesides|handOver|answered|worked|woke|takePending|changed)$/,
    mangleCache: names.cache,
    plugins: [{ name: 'modules', setup: (build) => addModules(build, whole) }],
    ...options,
  })
  names.cache = mangleCache
  return outputFiles
}

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
// For `import`, and for `require`: of CommonJS code, and of test runners that know nothing else.
for (const [format, extension] of [['esm', '.js'], ['cjs', '.cjs']]) {
  await bundle('./whole.js', {
    entryPoints: {
      index: join(here, 'src/index.ts'),
      slim: join(here, 'src/entries/slim.ts'),
      // Fetched by `import()`, from wherever.
      ...(format === 'esm' && { whole: join(here, 'src/whole.ts') }),
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
const whole = readFileSync(join(out, 'whole.js'))
await bundle('./whole.js', { ...script, outfile: join(out, 'snippet.js') })
// As the server serves it: a cached script must not get the whole module of another build.
const hash = createHash('sha256').update(whole).digest('hex').slice(0, 16)
const [served] = await bundle(`./lamplight-whole.js?build=${hash}`, { ...script, write: false })
serve('lamplight', Buffer.from(served.contents))
serve('lamplight-whole', whole)
writeFileSync(join(out, 'lamplight.wasm'), modules[''])
writeTypes(out)
const written = ['index.js', 'slim.js', 'whole.js', 'lamplight.wasm', 'snippet.js', ...COMPANIONS.map((name) => `${name}.js`)]
for (const name of written) console.log(name.padEnd(16), size(readFileSync(join(out, name))))

function moduleIn(folder) {
  return shorten(readFileSync(join(wasm, folder, 'lamplight_sdk_bg.wasm')), names)
}

/**
 * `lamplight:wasm` is the module that a page begins with, as a string of as many characters as it has bytes; `lamplight:whole-wasm`
 * the one that takes over. `lamplight:host` and `lamplight:overflow` are what they import.
 */
function addModules(build, whole) {
  build.onResolve({ filter: /^lamplight:(host|overflow)$/ }, ({ path }) => ({ path: join(here, '../sdk-wasm/src/browser', `${path.slice(10)}.js`), sideEffects: false }))
  build.onResolve({ filter: /^lamplight:(whole-)?wasm$/ }, ({ path }) => ({ path, namespace: 'module', sideEffects: false }))
  // A chunk of its own, in whatever a site's bundler makes of the package.
  build.onResolve({ filter: /^\.\/whole\.js$/ }, () => ({ path: whole, external: true }))
  for (const [prefix, wasm] of Object.entries(modules)) {
    build.onLoad({ filter: new RegExp(`:${prefix}wasm$`), namespace: 'module' }, () => ({
      // A third smaller than base64 once compressed; see `unpacked`. Escaped to ASCII, so that no charset can spoil it.
      contents: `export default ${JSON.stringify(Buffer.from(wasm.map((byte) => byte + 33)).toString('latin1'))}`,
      loader: 'js',
    }))
  }
}

/** Leaves a script in the forms in which the server answers with it, in `npm/served`, which the server embeds. */
function serve(name, script) {
  const folder = join(here, 'served')
  mkdirSync(folder, { recursive: true })
  for (const [suffix, bytes] of [['', script], ['.br', brotli(script)], ['.gz', gzipSync(script, { level: 9 })]]) {
    const path = join(folder, `${name}.js${suffix}`)
    // What is written anew makes Cargo compile the server anew.
    if (!existsSync(path) || !readFileSync(path).equals(bytes)) writeFileSync(path, bytes)
  }
}

function brotli(bytes) {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22 } })
}

function size(bytes) {
  return `${bytes.length} bytes, ${brotli(bytes).length} brotli`
}
