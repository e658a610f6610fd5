// The prefix of storage keys must never change, or a page's next version abandons stored events.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('../src/namespace.ts', import.meta.url))],
  bundle: true,
  format: 'esm',
  write: false,
})
const { namespaceOf } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
)

test('a new write key keeps the namespace, and another server has a different one', () => {
  const one = namespaceOf('https://t.example.com/v1/events?key=wk_one')
  assert.equal(one, namespaceOf('https://t.example.com/v1/events?key=wk_two'))
  assert.notEqual(one, namespaceOf('https://u.example.com/v1/events?key=wk_one'))
})

test('the hash is FNV-1a of the characters, which are bytes in an address', () => {
  // Values of the reference: http://www.isthe.com/chongo/tech/comp/fnv/
  assert.equal(namespaceOf(''), `ll:${0x811c9dc5}`)
  assert.equal(namespaceOf('a?key=b'), `ll:${0xe40c292c}`)
  assert.equal(namespaceOf('foobar'), `ll:${0xbf9cf968}`)
  assert.equal(namespaceOf('é'), namespaceOf(Buffer.from('é').toString()))
})

/** Runs `act` on a page whose localStorage has `stored`. */
function onPage(stored, act) {
  Object.assign(globalThis, { location: {}, localStorage: stored })
  try {
    return act()
  } finally {
    delete globalThis.location
    delete globalThis.localStorage
  }
}

test('a page keeps the namespace that was used with its address or its key', () => {
  const stored = {}
  const start = (url) =>
    onPage(stored, () => {
      const namespace = namespaceOf(url)
      assert.equal(namespaceOf(url, namespace), namespace)
      return namespace
    })
  const first = start('https://a/?key=one')
  assert.equal(first, namespaceOf('https://a/'))
  assert.equal(start('https://b/?key=one'), first, 'another address')
  assert.equal(start('https://b/?key=two'), first, 'then another key')
  assert.equal(start('https://c/?key=two'), first, 'then another address again')
  const other = start('https://d/?key=three')
  assert.notEqual(other, first, 'another installation')
  assert.equal(start('https://a/?key=three'), first, 'the address decides between two')
  assert.equal(start('https://d/?key=three'), other)
})

test('a page only writes its namespace when a client has started', () => {
  const stored = {}
  onPage(stored, () => namespaceOf('https://a/?key=one'))
  assert.deepEqual(stored, {})
})

test('a page whose storage throws has the namespace of its address', () => {
  const storage = new Proxy({}, { get: () => assert.fail('blocked'), set: () => assert.fail('blocked') })
  const namespace = onPage(storage, () => namespaceOf('https://a/?key=one', 'll:7'))
  assert.equal(namespace, 'll:7')
  assert.equal(
    onPage(storage, () => namespaceOf('https://a/?key=one')),
    namespaceOf('https://a/'),
  )
})
