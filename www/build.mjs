// Builds the demo page into dist/: two pages, one script each, one style sheet. The server embeds that folder.
import { build } from 'esbuild'
import { cp, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const dist = here('dist')

await rm(dist, { recursive: true, force: true })
await mkdir(dist, { recursive: true })

await build({
  entryPoints: [here('src/dashboard.ts'), here('src/tab.ts')],
  outdir: dist,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  charset: 'utf8',
  legalComments: 'none',
})

for (const file of ['index.html', 'tab.html', 'demo.css', 'lamp.svg']) {
  await cp(here(`src/${file}`), `${dist}/${file}`)
}

for (const file of (await readdir(dist)).sort()) {
  const { size } = await stat(`${dist}/${file}`)
  console.log(`${String(size).padStart(8)}  www/dist/${file}`)
}
