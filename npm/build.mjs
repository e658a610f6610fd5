// Writes `npm/dist`.
//
//   node npm/build.mjs --wasm <dir> [--out <dir>]
//
// `--wasm` names the directory with the two modules, in `first` and `whole`: each `lamplight_sdk.js` and `lamplight_sdk_bg.wasm`,
// as written by `wasm-bindgen --target web` and then, for the .wasm, by `wasm-opt -Oz`. `--out` is `npm/dist` by default.
// Prints what a page downloads, in bytes: raw and brotli.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { shorten } from './names.mjs'
import { writeTypes } from './types.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const { values } = parseArgs({ options: { wasm: { type: 'string' }, out: { type: 'string', default: join(here, 'dist') } } })
if (!values.wasm) throw new Error('say where the module is: node npm/build.mjs --wasm <dir>')
const [wasm, out] = [resolve(values.wasm), resolve(values.out)]
const modules = { '': moduleIn('first'), 'whole-': moduleIn('whole') }

/** Entries that take a client and carry no module of their own. */
const COMPANIONS = ['auto', 'react', 'vue', 'svelte']
const common = {
  bundle: true,
  minify: true,
  target: 'es2022',
}
const modulesAnd = (whole) => [{ name: 'modules', setup: (build) => addModules(build, whole) }]

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
// For `import`, and for `require`: of CommonJS code, and of test runners that know nothing else.
for (const [format, extension] of [['esm', '.js'], ['cjs', '.cjs']]) {
  await build({
    ...common,
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
    plugins: modulesAnd('./whole.js'),
    external: ['react', 'vue', 'svelte'],
    // Where there is no address of a module, `slim` must be told that of the file.
    logOverride: { 'empty-import-meta': 'silent' },
  })
}
const whole = readFileSync(join(out, 'whole.js'))
// A classic script: it must know by which tag it was loaded. And a cached one must not get the whole module of another build.
await build({
  ...common,
  entryPoints: [join(here, 'src/snippet.ts')],
  outfile: join(out, 'snippet.js'),
  format: 'iife',
  plugins: modulesAnd(`./lamplight-whole.js?build=${createHash('sha256').update(whole).digest('hex').slice(0, 16)}`),
  // The glue would fetch the module from there, if it did not have the bytes.
  define: { 'import.meta.url': '""' },
})
serve('lamplight', readFileSync(join(out, 'snippet.js')))
serve('lamplight-whole', whole)
writeFileSync(join(out, 'lamplight.wasm'), modules[''].wasm)
writeTypes(out)
const written = ['index.js', 'slim.js', 'whole.js', 'lamplight.wasm', 'snippet.js', ...COMPANIONS.map((name) => `${name}.js`)]
for (const name of written) console.log(name.padEnd(16), size(readFileSync(join(out, name))))

function moduleIn(folder) {
  const read = (name) => readFileSync(join(wasm, folder, name))
  return shorten(read('lamplight_sdk_bg.wasm'), read('lamplight_sdk.js').toString())
}

/**
 * `lamplight:glue` is wasm-bindgen's JavaScript of the module that a page begins with; `lamplight:wasm` its bytes, as a string
 * of as many characters; the same with `whole-` for the one that takes over. `lamplight:host` is what both of them import.
 */
function addModules(build, whole) {
  build.onResolve({ filter: /^lamplight:host$|\/host\.js$/ }, () => ({ path: join(here, '../sdk-wasm/src/browser/host.js'), sideEffects: false }))
  build.onResolve({ filter: /\/overflow\.js$/ }, () => ({ path: join(here, '../sdk-wasm/src/browser/overflow.js'), sideEffects: false }))
  build.onResolve({ filter: /^lamplight:(whole-)?(glue|wasm)$/ }, ({ path }) => ({ path, namespace: 'module', sideEffects: false }))
  // A chunk of its own, in whatever a site's bundler makes of the package.
  build.onResolve({ filter: /^\.\/whole\.js$/ }, () => ({ path: whole, external: true }))
  for (const [prefix, { javascript, wasm }] of Object.entries(modules)) {
    build.onLoad({ filter: new RegExp(`:${prefix}glue$`), namespace: 'module' }, () => ({ contents: javascript, loader: 'js', resolveDir: here }))
    build.onLoad({ filter: new RegExp(`:${prefix}wasm$`), namespace: 'module' }, () => ({
      // A third smaller than base64 once compressed; see `unpacked`. Escaped to ASCII, so that no charset can spoil it.
      contents: `export default ${JSON.stringify(Buffer.from(wasm.map((byte) => byte + 35)).toString('latin1'))}`,
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
