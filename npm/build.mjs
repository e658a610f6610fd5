// Writes `npm/dist`.
//
//   node npm/build.mjs --wasm <dir> [--out <dir>]
//
// `--wasm` names the directory with the two modules, in `first` and `whole`: each `lamplight_sdk_bg.wasm`,
// as written by `wasm-bindgen --target web` and then by `wasm-opt -Oz`. `--out` is `npm/dist` by default.
// Prints what a page downloads, in bytes: raw and brotli.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { brotliCompressSync, constants } from 'node:zlib'
import { build } from 'esbuild'
import { Names, shorten } from './names.mjs'
import { writeTypes } from './types.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const { values } = parseArgs({ options: { wasm: { type: 'string' }, out: { type: 'string', default: join(here, 'dist') } } })
if (!values.wasm) throw new Error('say where the module is: node npm/build.mjs --wasm <dir>')
const [wasm, out] = [resolve(values.wasm), resolve(values.out)]
const names = new Names()
const modules = { '': moduleIn('first'), 'whole-': moduleIn('whole') }

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
await build({
  entryPoints: { index: join(here, 'src/index.ts'), slim: join(here, 'src/entries/slim.ts'), whole: join(here, 'src/whole.ts') },
  outdir: out,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  // And names that are ours alone, of what the module and its host call each other.
  mangleProps: /^(wasm_.*|setNumbered|sizeBesides|handOver|answered|worked|woke|takePending|changed)$/,
  mangleCache: names.cache,
  plugins: [{ name: 'module', setup: (build) => addModules(build) }],
})
writeFileSync(join(out, 'lamplight.wasm'), modules[''])
writeTypes(out)
for (const name of ['index.js', 'slim.js', 'whole.js', 'lamplight.wasm']) console.log(name.padEnd(16), size(readFileSync(join(out, name))))

function moduleIn(folder) {
  return shorten(readFileSync(join(wasm, folder, 'lamplight_sdk_bg.wasm')), names)
}

/**
 * `lamplight:wasm` is the module that a page begins with, as a string of as many characters as it has bytes; `lamplight:whole-wasm`
 * the one that takes over. `lamplight:host` and `lamplight:overflow` are what they import.
 */
function addModules(build) {
  build.onResolve({ filter: /^lamplight:(host|overflow)$/ }, ({ path }) => ({ path: join(here, '../sdk-wasm/src/browser', `${path.slice(10)}.js`), sideEffects: false }))
  build.onResolve({ filter: /^lamplight:(whole-)?wasm$/ }, ({ path }) => ({ path, namespace: 'module', sideEffects: false }))
  // A chunk of its own, in whatever a site's bundler makes of the package.
  build.onResolve({ filter: /^\.\/whole\.js$/ }, ({ path }) => ({ path, external: true }))
  for (const [prefix, wasm] of Object.entries(modules)) {
    build.onLoad({ filter: new RegExp(`:${prefix}wasm$`), namespace: 'module' }, () => ({
      // A third smaller than base64 once compressed; see `unpacked`. Escaped to ASCII, so that no charset can spoil it.
      contents: `export default ${JSON.stringify(Buffer.from(wasm.map((byte) => byte + 33)).toString('latin1'))}`,
      loader: 'js',
    }))
  }
}

function size(bytes) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22 }
  return `${bytes.length} bytes, ${brotliCompressSync(bytes, { params }).length} brotli`
}
