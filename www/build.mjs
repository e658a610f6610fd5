// Builds the demo into dist/, which the server embeds: two pages, a script for each, and a style
// sheet.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const dist = here('dist')

const { outputFiles } = await build({
  entryPoints: [here('src/dashboard.ts'), here('src/tab.ts')],
  outdir: dist,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  charset: 'utf8',
  legalComments: 'none',
  write: false,
})

const files = new Map(outputFiles.map(({ path, contents }) => [basename(path), Buffer.from(contents)]))
for (const name of ['index.html', 'tab.html', 'demo.css', 'lamp.svg'])
  files.set(name, await readFile(here(`src/${name}`)))

await mkdir(dist, { recursive: true })
for (const name of await readdir(dist)) if (!files.has(name)) await rm(`${dist}/${name}`, { recursive: true })
for (const [name, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const before = await readFile(`${dist}/${name}`).catch(() => undefined)
  // Writing an unchanged file would make Cargo compile the server again.
  if (!before?.equals(bytes)) await writeFile(`${dist}/${name}`, bytes)
  console.log(`${String(bytes.length).padStart(8)}  www/dist/${name}`)
}
