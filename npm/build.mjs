// Writes `npm/dist`.
//
//   node npm/build.mjs --wasm <dir> [--out <dir>]
//
// `--wasm` names the directory with `lamplight_sdk.js` and `lamplight_sdk_bg.wasm`, as written by
// `wasm-bindgen --target web` and then, for the .wasm, by `wasm-opt -Oz`. `--out` is `npm/dist` by default.
// Prints what a page downloads, in bytes: raw and brotli.
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
const module = shorten(readFileSync(join(wasm, 'lamplight_sdk_bg.wasm')), readFileSync(join(wasm, 'lamplight_sdk.js'), 'utf8'))

/** Entries that take a client and carry no module of their own. */
const COMPANIONS = ['auto', 'react', 'vue', 'svelte']
const common = {
  bundle: true,
  minify: true,
  target: 'es2022',
  plugins: [{ name: 'module', setup: (build) => addModule(build) }],
}

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
await build({
  ...common,
  entryPoints: {
    index: join(here, 'src/index.ts'),
    slim: join(here, 'src/entries/slim.ts'),
    ...Object.fromEntries(COMPANIONS.map((name) => [name, join(here, `src/${name}.ts`)])),
  },
  outdir: out,
  format: 'esm',
  external: ['react', 'vue', 'svelte'],
})
// A classic script: it must know by which tag it was loaded.
await build({
  ...common,
  entryPoints: [join(here, 'src/snippet.ts')],
  outfile: join(out, 'snippet.js'),
  format: 'iife',
  // The glue would fetch the module from there, if it did not have the bytes.
  define: { 'import.meta.url': '""' },
})
serve(readFileSync(join(out, 'snippet.js')))
writeFileSync(join(out, 'lamplight.wasm'), module.wasm)
writeTypes(out)
for (const name of ['index.js', 'slim.js', 'lamplight.wasm', 'snippet.js', ...COMPANIONS.map((name) => `${name}.js`)]) console.log(name.padEnd(16), size(readFileSync(join(out, name))))

/** `lamplight:glue` is wasm-bindgen's JavaScript; `lamplight:wasm` the bytes, as a string of as many characters. */
function addModule(build) {
  build.onResolve({ filter: /^lamplight:/ }, ({ path }) => ({ path, namespace: 'module', sideEffects: false }))
  build.onLoad({ filter: /glue$/, namespace: 'module' }, () => ({ contents: module.javascript, loader: 'js', resolveDir: wasm }))
  build.onLoad({ filter: /wasm$/, namespace: 'module' }, () => ({
    // A third smaller than base64 once compressed. Escaped to ASCII, so that no charset can spoil it.
    contents: `export default ${JSON.stringify(module.wasm.toString('latin1'))}`,
    loader: 'js',
  }))
}

/** Leaves the script in the forms in which the server answers with it, in `npm/served`, which the server embeds. */
function serve(script) {
  const folder = join(here, 'served')
  mkdirSync(folder, { recursive: true })
  for (const [suffix, bytes] of [['', script], ['.br', brotli(script)], ['.gz', gzipSync(script, { level: 9 })]]) {
    const path = join(folder, `lamplight.js${suffix}`)
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
