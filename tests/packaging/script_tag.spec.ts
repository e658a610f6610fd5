// The script for pages without modules: from the server, and as a file that a site serves itself.
import { WRITE_KEY } from '../harness/server.ts'
import { serveFolder } from './static_site.ts'
import { test } from './test.ts'
import { expectGrowth, expectVisit } from './visit.ts'

const VISIT = `
  const stop = lamplight.timer('visit.duration')
  const { stored, reason } = lamplight.track('visited', { entry: 'script' })
  stop()
  document.title = stored ? 'stored' : reason`

test('a script tag that names the server sends its events there, also once the rest of the client has come', async ({
  ground,
  host,
  page,
  server,
}) => {
  const url = await host(
    serveFolder(
      ground,
      `<script src="${server.url}/lamplight.js" data-key="${WRITE_KEY}"></script><script>${VISIT}</script>`,
    ),
  )
  await expectVisit(page, `${url}/page`, server, 'script')
  await expectGrowth(page, server)
})

test('a script tag with the file of the package sends its events to the server that it names, also once the rest of the client has come', async ({
  host,
  install,
  page,
  server,
}) => {
  const consumer = await install('tests/packaging/consumers/node')
  const tag = `<script src="/node_modules/lamplight/dist/snippet.js" data-key="${WRITE_KEY}" data-url="${server.url}"></script>`
  const url = await host(serveFolder(consumer.folder, `${tag}<script>${VISIT}</script>`))
  await expectVisit(page, `${url}/page`, server, 'script')
  await expectGrowth(page, server)
})
