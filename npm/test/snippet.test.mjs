// The script tag's queue: calls made before the script has loaded are those of their moment.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const source = (name) => fileURLToPath(new URL(`../src/${name}`, import.meta.url))

test('a queued call keeps its arguments, its time and the address of its page', async () => {
  const { outputFiles } = await build({
    entryPoints: [source('snippet.ts')],
    bundle: true,
    format: 'esm',
    external: ['lamplight:*'],
    plugins: [
      {
        name: 'start',
        setup(build) {
          build.onResolve({ filter: /^\.\/(full|translated)\.js$/ }, () => ({ external: true }))
          // The entry without its module.
          build.onLoad({ filter: /src\/index\.ts$/ }, () => ({
            contents:
              "import { Client } from './client.ts'\nexport const init = (options) => new Client(options, () => globalThis.recorder)",
            loader: 'ts',
          }))
        },
      },
    ],
    write: false,
  })
  const calls = []
  globalThis.recorder = {
    start: (listeners) => {
      listeners.started('p')
      return 1
    },
    context: (_, json) => calls.push(JSON.parse(json).page),
    track: (_, ts, text) => calls.push([ts, ...text.split('\n')]),
  }
  globalThis.HTMLScriptElement = class {}
  const tag = Object.assign(new HTMLScriptElement(), { dataset: { key: 'wk_test' }, src: 'https://t.example.com/l.js' })
  globalThis.document = { currentScript: tag, referrer: '', title: 'Shop' }
  globalThis.window = {}
  globalThis.location = new URL('https://shop.example.com/early?q=1')

  const [, stub] = readFileSync(source('snippet.ts'), 'utf8')
    .replaceAll('\n * ', '\n')
    .match(/<script>(\(\(l\)[\s\S]*?)<\/script>/)
  new Function(stub)()
  const { lamplight } = window
  const properties = { cart: { items: 1 } }
  const before = Date.now()
  lamplight.track('early', properties)
  lamplight.page()
  const after = Date.now()
  properties.cart.items = 2
  location.pathname = '/later'
  lamplight.track('later', properties)
  lamplight.q.push(['track', 5, ['of an older tag']])
  lamplight.on('error', ({ message }) => assert.fail(message))

  await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)
  window.lamplight.track('now')
  const at = (path) => `https://shop.example.com${path}`
  assert.deepEqual(
    calls.map((call) => (typeof call === 'string' ? call : [call.at(-1), call[1] && JSON.parse(call[1])])),
    [
      at('/early'),
      ['early', { cart: { items: 1 } }],
      ['page', { url: at('/early'), path: '/early', title: 'Shop', referrer: '' }],
      at('/later'),
      ['later', { cart: { items: 2 } }],
      ['of an older tag', ''],
      ['now', ''],
    ],
  )
  assert.ok(calls[1][0] >= before && calls[1][0] <= after)
  assert.equal(calls[5][0], 5)
})
