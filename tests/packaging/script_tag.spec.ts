// The script for pages without a bundler: from the server, and as a file of a site.
import { WRITE_KEY } from '../harness/server.ts'
import { serveFolder } from './static_site.ts'
import { test } from './test.ts'
import { expectFullClient, expectVisit } from './visit.ts'

const VISIT = `
  const stop = lamplight.timer('visit.duration')
  const { stored, reason } = lamplight.track('visited', { entry: 'script' })
  stop()
  document.title = stored ? 'stored' : reason`

test('a script tag with the script of the server sends its events to it', async ({
  workFolder,
  host,
  page,
  server,
}) => {
  const url = await host(
    serveFolder(
      workFolder,
      `<script src="${server.url}/lamplight.js" data-key="${WRITE_KEY}"></script><script>${VISIT}</script>`,
    ),
  )
  await expectVisit(page, `${url}/page`, server, 'script')
  await expectFullClient(page, server)
})

test('a script tag with the file of the package sends its events to its data-url', async ({
  host,
  install,
  page,
  server,
}) => {
  const consumer = await install('tests/packaging/consumers/node')
  const tag = `<script src="/node_modules/lamplight/dist/snippet.js" data-key="${WRITE_KEY}" data-url="${server.url}"></script>`
  const url = await host(serveFolder(consumer.folder, `${tag}<script>${VISIT}</script>`))
  await expectVisit(page, `${url}/page`, server, 'script')
  await expectFullClient(page, server)
})
