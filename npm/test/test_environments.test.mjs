// Pages that test runners imitate in Node: the package can be loaded there, and sends nothing.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'
import { Window } from 'happy-dom'
import { JSDOM } from 'jsdom'

const source = readFileSync(fileURLToPath(new URL('../dist/index.cjs', import.meta.url)), 'utf8')

/** Loads the package as `jest-environment-jsdom` does: with the globals of the window alone. */
function loadIn(context) {
  const module = { exports: {} }
  vm.runInContext(`(function (module, exports, require) {${source}\n})`, context)(module, module.exports, () => {
    throw new Error('nothing is required')
  })
  return module.exports
}

async function trackAndFlush({ init }, window) {
  const posts = []
  window.fetch = (url) => {
    posts.push(url)
    return Promise.reject(new Error('no network in unit tests'))
  }
  const errors = []
  const seen = []
  const beforeEnqueue = (event) => {
    seen.push(event.name)
    return event
  }
  const lamplight = init({ url: '/telemetry', key: 'wk_test', beforeEnqueue })
  lamplight.on('error', ({ message }) => errors.push(message))
  assert.equal(lamplight.track('opened', { name: 'é' }).reason, 'unavailable')
  lamplight.identify('é')
  lamplight.page()
  assert.equal((await lamplight.flush()).sent, 0)
  lamplight.close()
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.deepEqual(posts, [])
  assert.deepEqual(errors, [])
  assert.deepEqual(seen, ['opened', 'identify', 'page'], 'hooks see what a page would send')
}

for (const url of ['http://localhost/', 'about:blank'])
  test(`under jsdom at ${url}, without TextEncoder and with it, nothing is sent`, async () => {
    const dom = new JSDOM('', { url, runScripts: 'outside-only' })
    // Older versions, and Jest's environment, do not have them.
    for (const name of ['TextEncoder', 'TextDecoder']) delete dom.window[name]
    await trackAndFlush(loadIn(dom.getInternalVMContext()), dom.window)
    Object.assign(dom.window, { TextEncoder, TextDecoder })
    await trackAndFlush(loadIn(dom.getInternalVMContext()), dom.window)
    dom.window.close()
  })

test('under happy-dom nothing is sent', async () => {
  const window = new Window({ url: 'http://localhost/' })
  const { document, location, navigator, localStorage, screen } = window
  const globals = { window, document, location, navigator, localStorage, screen, fetch: undefined }
  const before = Object.getOwnPropertyDescriptors(globalThis)
  for (const [name, value] of Object.entries(globals))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  try {
    await trackAndFlush(await import('lamplight'), globalThis)
  } finally {
    for (const name of Object.keys(globals)) {
      if (before[name]) Object.defineProperty(globalThis, name, before[name])
      else delete globalThis[name]
    }
    await window.happyDOM.close()
  }
})
