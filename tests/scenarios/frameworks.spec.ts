import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { WRITE_KEY } from '../harness/server.ts'
import { expect, test } from '../harness/test.ts'

/** A page of each framework with one client, automatic tracking, and a button that tracks. */
const PAGES = {
  // Strict mode mounts, unmounts and mounts again.
  react: `
    import { createElement as h, StrictMode } from 'react'
    import { createRoot } from 'react-dom/client'
    import { LamplightProvider, useTrack } from 'lamplight/react'
    const watch = (client) => auto(client)
    const Button = () => { const track = useTrack(); return h('button', { onClick: () => track('pressed', { by: 'react' }) }, 'Press') }
    createRoot(root).render(h(StrictMode, null, h(LamplightProvider, { client: start, watch }, h(Button))))`,
  vue: `
    import { createApp, h, onMounted, onUnmounted } from 'vue'
    import { createLamplight, useLamplight } from 'lamplight/vue'
    const App = {
      setup() {
        const lamplight = useLamplight()
        let stop
        onMounted(() => { stop = auto(lamplight) })
        onUnmounted(() => stop())
        return () => h('button', { onClick: () => lamplight.track('pressed', { by: 'vue' }) }, 'Press')
      },
    }
    createApp(App).use(createLamplight(start())).mount(root)`,
  svelte: `
    import { mount } from 'svelte'
    import { getLamplight, setLamplight } from 'lamplight/svelte'
    function Button(anchor) {
      const lamplight = getLamplight()
      const button = document.createElement('button')
      button.textContent = 'Press'
      button.onclick = () => lamplight.track('pressed', { by: 'svelte' })
      anchor.before(button)
    }
    function App(anchor) {
      const lamplight = setLamplight(start())
      auto(lamplight)
      Button(anchor)
    }
    mount(App, { target: root })`,
}

for (const [framework, source] of Object.entries(PAGES)) {
  test(`a ${framework} page has one client and one page view, and each click arrives`, async ({
    page,
    server,
    site,
  }) => {
    const pageErrors: string[] = []
    page.on('pageerror', (error) => pageErrors.push(error.message))
    const { outputFiles } = await build({
      stdin: {
        contents: `import { init } from 'lamplight'; import { auto } from 'lamplight/auto'
          const root = document.querySelector('#root'); const start = () => init({ url: '${server.url}', key: '${WRITE_KEY}' })
          ${source}`,
        resolveDir: fileURLToPath(new URL('..', import.meta.url)),
      },
      bundle: true,
      format: 'esm',
      write: false,
      define: { 'process.env.NODE_ENV': '"development"' },
      logLevel: 'error',
    })
    site.add('/app.js', outputFiles[0]?.text ?? '')
    await page.goto(
      site.add(
        '/app.html',
        '<!doctype html><title>App</title><div id="root"></div><script type="module" src="/app.js"></script>',
      ),
    )
    await page.click('button')
    await page.click('button')
    await expect.poll(async () => (await server.api.events({ name: 'pressed' })).length).toBe(2)
    const names = (await server.api.events()).map(({ name }) => name).sort()
    expect(names).toEqual(['page', 'pressed', 'pressed'])
    expect(await server.api.producers()).toHaveLength(1)
    expect(pageErrors).toEqual([])
  })
}
