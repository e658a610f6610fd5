// The documentation's first tag, which queues calls until the script has loaded.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import ts from 'typescript'

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const PLACES = ['npm/README.md', 'npm/src/snippet.ts', 'tests/scenarios/script_tag.spec.ts']

/** The first tags in a file. */
function stubsIn(path) {
  const text = read(path).replaceAll('\n * ', '\n')
  return [...text.matchAll(/<script>(\(\(l\) => .*?\)\(window\.lamplight \?\?= \{ q: \[\] \}\))<\/script>/gs)].map(
    ([, code]) => code,
  )
}

/** The methods that the interface declares. */
function methods() {
  const source = ts.createSourceFile('types.ts', read('npm/src/types.ts'), ts.ScriptTarget.ES2022)
  const client = source.statements.find(
    (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === 'Lamplight',
  )
  return client.members.filter(ts.isMethodSignature).map(({ name }) => name.text)
}

/** What a page has after the first tag. */
function early() {
  const window = {}
  new Function('window', 'location', stubsIn(PLACES[0])[0])(window, new URL('https://shop.example.com/early'))
  return window.lamplight
}

test('the first tag is the same wherever it is documented', () => {
  const stubs = PLACES.flatMap(stubsIn)
  assert.equal(stubs.length, PLACES.length)
  assert.deepEqual(new Set(stubs).size, 1)
})

test('the first tag has every method of a client', () => {
  const { q, ...found } = early()
  assert.deepEqual(q, [])
  assert.ok(methods().length > 10)
  assert.deepEqual(Object.keys(found).sort(), methods().sort())
})

test('a queued call returns what a page can use', async () => {
  const lamplight = early()
  for (const name of methods()) lamplight[name]('load', { unit: 'ms' })
  assert.deepEqual(
    lamplight.q.map(([name, , given]) => [name, given]),
    methods()
      .filter((name) => name !== 'timer')
      .map((name) => [name, ['load', { unit: 'ms' }]]),
  )
  lamplight.q.length = 0

  const flushed = lamplight.flush()
  lamplight.q[0][4](Promise.resolve({ sent: 1, queued: 0 }))
  assert.deepEqual(await flushed, { sent: 1, queued: 0 })
  const delivered = lamplight.delivered('p-1')
  lamplight.q[1][4](Promise.reject(new Error('dropped')))
  await assert.rejects(delivered, /dropped/)

  let isOff = false
  const off = lamplight.on('error', () => {})
  lamplight.q[2][4](() => {
    isOff = true
  })
  await off()
  assert.ok(isOff)

  const stop = lamplight.timer('load', { unit: 'ms' })
  stop()
  const [name, , [metric, ms, options]] = lamplight.q[3]
  assert.deepEqual([name, metric, options], ['timing', 'load', { unit: 'ms' }])
  assert.ok(ms >= 0 && ms < 1_000)
})

test('a client that is already there is left alone', () => {
  const window = { lamplight: { track: () => 'own' } }
  new Function('window', 'location', stubsIn(PLACES[0])[0])(window, new URL('https://shop.example.com/early'))
  assert.equal(window.lamplight.track(), 'own')
})
