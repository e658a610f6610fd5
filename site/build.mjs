// Builds the documentation's site:
// `node site/build.mjs [--out <folder>] [--base /path/] [--serve <port>]`.
// VitePress's own development server is not used: version 1 needs a Vite with known weaknesses in
// that server. Building has none of them.
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { serve } from './serve.mjs'
import { stage } from './stage.mjs'

const folder = fileURLToPath(new URL('.', import.meta.url))
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(folder, '../target/docs') },
    base: { type: 'string', default: '/' },
    serve: { type: 'string' },
  },
})
const out = resolve(values.out)
const pages = `${out}-work/pages`

stage(pages)
Object.assign(process.env, {
  LAMPLIGHT_SITE_PAGES: pages,
  LAMPLIGHT_SITE_OUT: out,
  LAMPLIGHT_SITE_BASE: values.base,
})
const { build } = await import('vitepress')
await build(folder)
console.log(`the site is in ${out}`)
if (values.serve !== undefined) console.log(`open ${await serve(out, values.base, Number(values.serve))}`)
