// The measured page: a bundle of the npm package on a cross-origin isolated page, whose clock has a
// resolution of 5 µs.
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Serves the page on loopback. Returns its origin and a function to stop it. */
export async function serveSite() {
  const bundle = await build({
    stdin: { contents: "import { init } from 'lamplight'\nglobalThis.lamplightInit = init", resolveDir: root },
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
