// React, Vue and Svelte render on a server with a client, which does nothing there.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { init } from 'lamplight'
import { auto } from 'lamplight/auto'
import { LamplightProvider, useLamplight, useTrack } from 'lamplight/react'
import { createLamplight, useLamplight as injectedClient } from 'lamplight/vue'
import { createElement as h, StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import { compile } from 'svelte/compiler'
import { createSSRApp, h as vue } from 'vue'
import { renderToString as renderVue } from 'vue/server-renderer'

const start = () => init({ url: 'https://t.example.com', key: 'wk_test' })

test('auto does nothing where there is no page', () => {
  auto(start())()
})

const seen = new Set()

function Page() {
  const lamplight = useLamplight()
  seen.add(lamplight)
  return h('p', null, useTrack()('rendered').reason)
}

test('React renders on a server with one client for all renders', () => {
  const watch = () => assert.fail('nothing is watched on a server')
  for (let turn = 0; turn < 3; turn += 1) {
    assert.equal(
      renderToString(h(StrictMode, null, h(LamplightProvider, { client: start, watch }, h(Page)))),
      '<p>unavailable</p>',
    )
  }
  assert.equal(seen.size, 1)
  assert.throws(() => renderToString(h(Page)), /no <LamplightProvider> above/)
})

test('Vue renders on a server, in setup and in templates', async () => {
  const Page = {
    setup() {
      const { reason } = injectedClient().track('rendered')
      return { reason }
    },
    render() {
      return vue('p', [this.reason, ' ', this.$lamplight.stats().made])
    },
  }
  assert.equal(await renderVue(createSSRApp(Page).use(createLamplight(start()))), '<p>unavailable 0</p>')
  assert.throws(() => injectedClient(), /createLamplight/)
  const bare = createSSRApp(Page)
  bare.config.warnHandler = () => {}
  await assert.rejects(renderVue(bare), /createLamplight/)
})

test('Svelte renders on a server, with the client in its context', async (t) => {
  const parts = {
    Root: `<script>import { init } from 'lamplight'; import { setLamplight } from 'lamplight/svelte'; import Page from './Page.js'
      setLamplight(init({ url: 'https://t.example.com', key: 'wk_test' }))</script><Page />`,
    Page: `<script>import { getLamplight, lamplightStats } from 'lamplight/svelte'
      const lamplight = getLamplight(); const stats = lamplightStats(lamplight)
      const { reason } = lamplight.track('rendered')</script><p>{reason} {$stats.made}</p>`,
  }
  const folder = mkdtempSync(join(tmpdir(), 'lamplight-svelte-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [name, source] of Object.entries(parts)) {
    writeFileSync(join(folder, `${name}.js`), compile(source, { generate: 'server', name }).js.code)
  }
  const { outputFiles } = await build({
    stdin: {
      contents: `export { render } from 'svelte/server'; export { default as Root } from './Root.js'; export { default as Page } from './Page.js'`,
      resolveDir: folder,
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
    logLevel: 'silent',
    conditions: ['node', 'import'],
    nodePaths: [fileURLToPath(new URL('../../node_modules', import.meta.url))],
  })
  const { render, Root, Page } = await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
  )
  assert.match((await render(Root)).body.replace(/<!--.*?-->/g, ''), /^<p>unavailable 0<\/p>$/)
  assert.throws(() => render(Page).body, /setLamplight/)
})

test("Svelte's store updates on each note, and only while there is a subscriber", async () => {
  const { lamplightStats } = await import('lamplight/svelte')
  const listeners = new Set()
  let made = 0
  const client = {
    stats: () => ({ made }),
    on: (_, listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const seenCounts = []
  const end = lamplightStats(client).subscribe((stats) => seenCounts.push(stats.made))
  made = 3
  for (const listener of [...listeners].slice(0, 1)) listener()
  assert.deepEqual(seenCounts.slice(-1), [3])
  end()
  assert.equal(listeners.size, 0)
})
