// Bundles code that imports the package, as a site's build does.
import { basename, join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import { build } from 'esbuild'

/** The size of bytes as a server sends them. */
export const brotli = (bytes) =>
  brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 } })
    .length

/**
 * Bundles `code`, whose imports are resolved from `folder`. Returns the files by name, the names of
 * those that the page fetches before `code` runs, and `bytesOf`, which joins files. The page
 * fetches the others later, with `import()`.
 */
export async function bundle(code, folder) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: folder },
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    define: { 'process.env.NODE_ENV': '"production"' },
    outdir: join(folder, 'out'),
    metafile: true,
    write: false,
    logLevel: 'error',
  })
  const files = new Map(outputFiles.map((file) => [basename(file.path), file.contents]))
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output]))
  const first = new Set()
  const follow = (name) => {
    if (first.has(name)) return
    first.add(name)
    for (const { path, kind } of outputs.get(name).imports) if (kind === 'import-statement') follow(basename(path))
  }
  follow('stdin.js')
  const bytesOf = (names) => Buffer.concat([...names].map((name) => files.get(name)))
  return { files, first, bytesOf }
}
