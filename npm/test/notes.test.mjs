// What a module's client reports, and what the page's listeners get.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('../src/notes.ts', import.meta.url))],
  bundle: true,
  format: 'esm',
  write: false,
})
const { NoteListeners } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
)

/** Listeners that record every note. */
function recorded(beforeSend) {
  const [listeners, notes] = [new NoteListeners(beforeSend, () => notes.push(['withdrawn'])), []]
  for (const name of ['delivered', 'adopted', 'dropped', 'error'])
    listeners.on(name, (note) => notes.push([name, note]))
  return { listeners, notes }
}

test('ranges of numbers become ids, and settle the promises for them', async () => {
  const { listeners, notes } = recorded()
  const waiting = listeners.whenDelivered('P-3')
  listeners.started('P')
  listeners.delivered('[[1,1],[3,4]]')
  await waiting
  assert.deepEqual(notes, [['delivered', { producer: 'P', ids: ['P-1', 'P-3', 'P-4'], count: 3 }]])
})

test('a drop has the code of its reason, and rejects the promise for it', async () => {
  const { listeners, notes } = recorded()
  const waiting = listeners.whenDelivered('P-2')
  listeners.started('P')
  listeners.dropped(2, 1)
  await assert.rejects(waiting, /event P-2 was dropped: rejected/)
  assert.deepEqual(notes, [['dropped', { producer: 'P', id: 'P-2', reason: 'rejected' }]])
})

test('failures have a message, a status and a wait', () => {
  const { listeners, notes } = recorded()
  listeners.failed(503, 1_000)
  listeners.failed(0, 2_000)
  assert.deepEqual(notes, [
    ['error', { message: 'the server answered 503', status: 503, waitMs: 1_000 }],
    ['error', { message: 'the server did not answer', status: 0, waitMs: 2_000 }],
  ])
})

test('a flush report has a status only if a failure ended the flush', async () => {
  const { listeners } = recorded()
  const [first, second] = [listeners.whenFlushed(), listeners.whenFlushed()]
  listeners.flushed(2, 1, 0)
  assert.deepEqual(
    [await first, await second],
    [
      { sent: 2, queued: 1, status: 0 },
      { sent: 2, queued: 1, status: 0 },
    ],
  )
  const third = listeners.whenFlushed()
  listeners.flushed(1, 0)
  assert.deepEqual(await third, { sent: 1, queued: 0 })
})

test('only false holds a batch back, and so does a hook that fails', () => {
  for (const [result, isSent] of [
    [undefined, true],
    [true, true],
    [0, true],
    [false, false],
  ]) {
    let batch
    const { listeners } = recorded((given) => {
      batch = given
      return result
    })
    assert.equal(listeners.sending(7), isSent)
    assert.deepEqual(batch, { bytes: 7 })
  }
  const { listeners, notes } = recorded(() => {
    throw new Error('offline')
  })
  assert.equal(listeners.sending(7), false)
  assert.deepEqual(notes, [['error', { message: 'beforeSend failed, so the batch is held back: offline' }]])
  const late = recorded(async () => true)
  assert.equal(late.listeners.sending(7), false)
  assert.match(late.notes[0][1].message, /it must not return a promise/)
})
