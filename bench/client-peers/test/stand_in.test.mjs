// The server's modes, and what it counts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { markOf } from '../events.mjs'
import { startStandIn } from '../stand_in/server.mjs'

const post = (url, numbers) =>
  fetch(`${url}/v1/logs`, { method: 'POST', body: JSON.stringify(numbers.map(markOf)) }).then(({ status }) => status)

async function withStandIn(act, upstream) {
  const standIn = await startStandIn(upstream)
  try {
    await act(standIn)
  } finally {
    await standIn.stop()
  }
}

test('events count as arrived if their request was answered with success', () =>
  withStandIn(async (standIn) => {
    assert.equal(await post(standIn.url, [1, 2]), 200)
    await standIn.become('unavailable')
    assert.equal(await post(standIn.url, [3]), 503)
    await standIn.become('reset')
    await assert.rejects(post(standIn.url, [4]))
    await standIn.become('up')
    assert.equal(await post(standIn.url, [2, 5]), 200)
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((number) => standIn.has(number)),
      [true, true, false, false, true],
    )
    const { arrived, copies, requests, wireBytes } = standIn.counts()
    assert.deepEqual({ arrived, copies, requests }, { arrived: 3, copies: 4, requests: 3 })
    assert.ok(wireBytes > 500, `${wireBytes} bytes`)
  }))

test('a server that was down is up again at the same address', () =>
  withStandIn(async (standIn) => {
    const { url } = standIn
    await standIn.become('down')
    await assert.rejects(post(url, [1]))
    await standIn.become('up')
    assert.equal(await post(url, [1]), 200)
    assert.equal(standIn.counts().arrived, 1)
  }))

test('paths that no SDK asks for are reported and not counted', () =>
  withStandIn(async (standIn) => {
    const { status } = await fetch(`${standIn.url}/elsewhere`, { method: 'POST', body: markOf(1) })
    assert.equal(status, 404)
    assert.deepEqual(standIn.problems, ['POST /elsewhere'])
    assert.equal(standIn.has(1), false)
  }))

test('with a server behind it, that server answers', () =>
  withStandIn((behind) =>
    withStandIn(async (standIn) => {
      assert.equal(await post(standIn.url, [1]), 200)
      await behind.become('unavailable')
      assert.equal(await post(standIn.url, [2]), 503)
      assert.deepEqual([standIn.has(1), standIn.has(2), behind.has(1)], [true, false, true])
      await behind.become('down')
      await assert.rejects(post(standIn.url, [3]))
      assert.match(standIn.problems[0], /^the server behind it: /)
    }, behind.url),
  ))
