// The same pages with each bundler, and without one.
import { join } from 'node:path'
import { VITE_ARGS } from './consumer.ts'
import { serveFolder } from './static_site.ts'
import { test } from './test.ts'
import { expectFullClient, expectVisit } from './visit.ts'

const PAGES = 'tests/packaging/consumers/pages'
const IMPORTS = {
  lamplight: '/node_modules/lamplight/dist/index.js',
  'lamplight/slim': '/node_modules/lamplight/dist/slim.js',
}

for (const entry of ['inline', 'slim']) {
  test(`Vite build: the ${entry} entry sends its events, also with the full client`, async ({
    build,
    host,
    page,
    server,
  }) => {
    const consumer = await build(PAGES, 'vite:build')
    const url = await host(consumer.serve('vite:preview', VITE_ARGS))
    await expectVisit(page, `${url}/${entry}.html`, server, entry)
    await expectFullClient(page, server)
  })

  test(`Vite dev: the ${entry} entry sends its events`, async ({ install, host, page, server }) => {
    const consumer = await install(PAGES)
    const url = await host(consumer.serve('vite:dev', VITE_ARGS))
    await expectVisit(page, `${url}/${entry}.html`, server, entry)
  })

  test(`no bundler: the ${entry} entry with an import map sends its events`, async ({
    install,
    host,
    page,
    server,
  }) => {
    const consumer = await install(PAGES)
    const importMap = `<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>`
    const url = await host(
      serveFolder(consumer.folder, `${importMap}<script type="module" src="/src/${entry}.js"></script>`),
    )
    await expectVisit(page, `${url}/page`, server, entry)
  })
}

const BUNDLERS = {
  webpack: { kind: 'defer', entries: ['inline', 'slim', 'required', 'worker'] },
  esbuild: { kind: 'type="module"', entries: ['inline', 'slim', 'required', 'required_slim', 'worker'] },
}

for (const [bundler, { kind, entries }] of Object.entries(BUNDLERS)) {
  for (const entry of entries) {
    test(`${bundler}: the ${entry} entry sends its events`, async ({ build, host, page, server }) => {
      const consumer = await build(PAGES, bundler)
      const url = await host(
        serveFolder(join(consumer.folder, 'dist', bundler), `<script ${kind} src="/${entry}.js"></script>`),
      )
      await expectVisit(page, `${url}/page`, server, entry)
    })
  }
}
