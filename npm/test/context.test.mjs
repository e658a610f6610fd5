// The page's context, in every kind of page.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadSource } from '../load_source.mjs'

const { Context } = await loadSource('context.ts')

/** Runs `act` in a page with this address and these globals. */
function inPage(href, globals, act) {
  const { protocol, origin, pathname, search, hash } = new URL(href)
  const all = {
    location: { href, protocol, origin, pathname, search, hash },
    document: { referrer: '' },
    localStorage: {},
    ...globals,
  }
  for (const [name, value] of Object.entries(all))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  try {
    return act(all)
  } finally {
    for (const name of Object.keys(all)) delete globalThis[name]
  }
}

/** The context of the next event, if it has changed, with the first page. */
const changed = (context) => {
  const json = JSON.stringify(context.changed())
  return json && JSON.parse(context.withFirstPage(json))
}

const top = { parent: globalThis }
const initialOf = (href, globals) =>
  inPage(href, { ...top, ...globals }, ({ localStorage }) => {
    const { initial } = changed(new Context({}, 'ns'))
    return { initial, stored: localStorage?.['ns:f'] }
  })

test('a page that somebody visits is stored as the first page', () => {
  for (const href of ['https://shop.example/a', 'http://127.0.0.1:3000/a']) {
    const { initial, stored } = initialOf(href)
    assert.equal(initial.page, href)
    assert.deepEqual(JSON.parse(stored), { page: href })
  }
})

test('a page that nobody visits is not stored, and knows the stored one', () => {
  const framed = { parent: {} }
  for (const [href, globals] of [
    ['about:blank'],
    ['about:srcdoc'],
    ['blob:https://shop.example/0b1c'],
    ['data:text/html,<p>'],
    ['file:///home/user/page.html'],
    ['file://server/share/page.html'],
    ['https://shop.example/framed', framed],
    ['https://shop.example/prerendered', { document: { referrer: '', prerendering: true } }],
  ]) {
    assert.deepEqual(initialOf(href, globals), { initial: undefined, stored: undefined }, href)
    const known = { localStorage: { 'ns:f': '{"page":"https://shop.example/first"}' } }
    assert.equal(initialOf(href, { ...globals, ...known }).initial.page, 'https://shop.example/first', href)
    // Without storage, too.
    assert.equal(initialOf(href, { ...globals, localStorage: undefined }).initial, undefined, href)
  }
})

test('a prerendered page is the first page once it is shown, with the same address', () => {
  const document = { referrer: 'https://news.example/a?b', prerendering: true }
  inPage('https://shop.example/p?q', { ...top, document }, () => {
    const context = new Context({}, 'ns')
    assert.equal(changed(context).initial, undefined)
    document.prerendering = false
    assert.deepEqual(changed(context).initial, {
      page: 'https://shop.example/p',
      referrer: 'https://news.example/a',
    })
    assert.equal(context.changed(), undefined)
  })
})

test('a document without a window, as in tests in Node, is no error', () => {
  inPage('https://shop.example/a', {}, () =>
    assert.equal(changed(new Context({}, 'ns')).page, 'https://shop.example/a'),
  )
})

test('the address has no query, no password, and of the hash only the path of a route', () => {
  for (const [hash, kept] of [
    ['#terms', ''],
    ['#access_token=SECRET', ''],
    ['#/cart', '#/cart'],
    ['#!/cart', '#!/cart'],
    ['#/cart?token=SECRET', '#/cart'],
    ['#/callback#access_token=SECRET', '#/callback'],
    ['#/callback&id_token=SECRET', '#/callback'],
    ['#/access_token=SECRET', '#/access_token'],
  ])
    inPage(`https://user:SECRET@shop.example/a?token=SECRET${hash}`, top, () => {
      const context = changed(new Context({}, 'ns'))
      assert.equal(context.page, `https://shop.example/a${kept}`)
      assert.ok(!JSON.stringify(context).includes('SECRET'))
    })
  inPage(`https://shop.example/${'a'.repeat(1_000)}#/${'b'.repeat(1_000)}`, top, () =>
    assert.equal(changed(new Context({}, 'ns')).page.length, 500),
  )
})

test('a context with the first page is never larger than what the server stores', () => {
  for (const [bytes, hasFirst] of [
    [100, true],
    [20_000, false],
    [32_600, false],
  ]) {
    inPage('https://shop.example/a', { ...top, localStorage: { 'ns:f': `{"page":"${'x'.repeat(13_000)}"}` } }, () => {
      const context = new Context({ context: { text: 'y'.repeat(bytes) } }, 'ns')
      const text = context.withFirstPage(JSON.stringify(context.changed()))
      assert.ok(text.length <= 32_768, `${text.length}`)
      assert.equal('initial' in JSON.parse(text), hasFirst, `${bytes}`)
    })
  }
})
