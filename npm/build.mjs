// Writes `npm/dist`.
//
//   node npm/build.mjs --wasm <dir> [--out <dir>]
//
// `--wasm` names the directory with the two modules, in `first` and `whole`: each `lamplight_sdk.js` and `lamplight_sdk_bg.wasm`,
// as written by `wasm-bindgen --target web` and then, for the .wasm, by `wasm-opt -Oz`. `--out` is `npm/dist` by default.
// Prints what a page downloads, in bytes: raw and brotli.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { brotliCompressSync, constants } from 'node:zlib'
import { build } from 'esbuild'
import { shorten } from './names.mjs'
import { writeTypes } from './types.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const { values } = parseArgs({ options: { wasm: { type: 'string' }, out: { type: 'string', default: join(here, 'dist') } } })
if (!values.wasm) throw new Error('say where the module is: node npm/build.mjs --wasm <dir>')
const [wasm, out] = [resolve(values.wasm), resolve(values.out)]
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
  plugins: [{ name: 'module', setup: (build) => addModules(build) }],
})
writeFileSync(join(out, 'lamplight.wasm'), modules[''].wasm)
writeTypes(out)
for (const name of ['index.js', 'slim.js', 'whole.js', 'lamplight.wasm']) console.log(name.padEnd(16), size(readFileSync(join(out, name))))

function moduleIn(folder) {
  const read = (name) => readFileSync(join(wasm, folder, name))
  return shorten(read('lamplight_sdk_bg.wasm'), read('lamplight_sdk.js').toString())
}

/**
 * `lamplight:glue` is wasm-bindgen's JavaScript of the module that a page begins with; `lamplight:wasm` its bytes, as a string
 * of as many characters; the same with `whole-` for the one that takes over. `lamplight:host` is what both of them import.
 */
function addModules(build) {
  build.onResolve({ filter: /^lamplight:host$|\/host\.js$/ }, () => ({ path: join(here, '../sdk-wasm/src/browser/host.js'), sideEffects: false }))
  build.onResolve({ filter: /\/overflow\.js$/ }, () => ({ path: join(here, '../sdk-wasm/src/browser/overflow.js'), sideEffects: false }))
  build.onResolve({ filter: /^lamplight:(whole-)?(glue|wasm)$/ }, ({ path }) => ({ path, namespace: 'module', sideEffects: false }))
  // A chunk of its own, in whatever a site's bundler makes of the package.
  build.onResolve({ filter: /^\.\/whole\.js$/ }, ({ path }) => ({ path, external: true }))
  for (const [prefix, { javascript, wasm }] of Object.entries(modules)) {
    build.onLoad({ filter: new RegExp(`:${prefix}glue$`), namespace: 'module' }, () => ({ contents: javascript, loader: 'js', resolveDir: here }))
    build.onLoad({ filter: new RegExp(`:${prefix}wasm$`), namespace: 'module' }, () => ({
      // A third smaller than base64 once compressed; see `unpacked`. Escaped to ASCII, so that no charset can spoil it.
      contents: `export default ${JSON.stringify(Buffer.from(wasm.map((byte) => byte + 35)).toString('latin1'))}`,
      loader: 'js',
    }))
  }
}

function size(bytes) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22 }
  return `${bytes.length} bytes, ${brotliCompressSync(bytes, { params }).length} brotli`
}
