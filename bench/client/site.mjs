// The measured page: a bundle of the npm package on a cross-origin isolated page, whose clock has a
// resolution of 5 µs.
import { createServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Serves the page on loopback. Returns its origin and a function to stop it. With `dist`, the
 * measured build is in that folder; with `both`, it is `lamplightBase` beside this one.
 */
export async function serveSite(dist, both = false) {
  const entry = dist ? join(dist, 'index.js') : 'lamplight'
  const measured = `import { init } from ${JSON.stringify(both ? 'lamplight' : entry)}\nglobalThis.lamplightInit = init`
  const beside = `import { init as base } from ${JSON.stringify(entry)}\nglobalThis.lamplightBase = base`
  const bundle = await build({
    stdin: { contents: both ? `${beside}\n${measured}` : measured, resolveDir: root },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
  })
  const script = bundle.outputFiles[0].contents
  const server = createServer((request, response) => {
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
    if (request.url === '/page.js') {
      response.setHeader('Content-Type', 'text/javascript; charset=utf-8').end(script)
    } else {
      response
        .setHeader('Content-Type', 'text/html; charset=utf-8')
        .end('<!doctype html><title>bench</title><script type="module" src="/page.js"></script>')
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { origin: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() }
}
