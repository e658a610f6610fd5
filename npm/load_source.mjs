// Loads a source file of the package in a test, with what it imports.
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** What the file at `path` below `src` exports: a new instance of the module for each call. */
export async function loadSource(path) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`src/${path}`, import.meta.url))],
    bundle: true,
    format: 'esm',
    write: false,
  })
  const source = Buffer.from(outputFiles[0].contents).toString('base64')
  return import(`data:text/javascript;base64,${source}#${Math.random()}`)
}
