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

test('the hash is FNV-1a of the UTF-8 bytes', () => {
  // Values of the reference: http://www.isthe.com/chongo/tech/comp/fnv/
  assert.equal(namespaceOf(''), `ll:${0x811c9dc5}`)
  assert.equal(namespaceOf('a?key=b'), `ll:${0xe40c292c}`)
  assert.equal(namespaceOf('foobar'), `ll:${0xbf9cf968}`)
  assert.equal(namespaceOf('é'), namespaceOf(Buffer.from('é').toString()))
})
