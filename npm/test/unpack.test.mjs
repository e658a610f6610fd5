// What a build packs, a page unpacks.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { packed, unpacker } from '../pack.mjs'

const carry = {
  name: 'carry',
  setup(build) {
    build.onResolve({ filter: /^lamplight:unpacker$/ }, ({ path }) => ({ path, namespace: 'carried' }))
    build.onLoad({ filter: /./, namespace: 'carried' }, () => ({
      contents: `export default ${JSON.stringify(unpacker())}`,
    }))
  },
}
const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('../src/unpack.ts', import.meta.url))],
  bundle: true,
  format: 'esm',
  write: false,
  plugins: [carry],
})
const { unpacked } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
)

test('every byte comes back, beside every other and however many there are', () => {
  const pairs = Uint8Array.from({ length: (2 * 65_536) / 3 }, (_, at) => (at % 2 ? at >> 9 : at >> 1))
  const ends = [0, 1, 222, 223, 255].flatMap((one) =>
    [0, 94, 95, 222, 223, 255].map((other) => Uint8Array.of(one, other)),
  )
  for (const bytes of [Uint8Array.of(0), Uint8Array.from({ length: 256 }, (_, at) => at), pairs, ...ends]) {
    assert.deepEqual(Buffer.from(unpacked(packed(Buffer.from(bytes)))), Buffer.from(bytes))
  }
})

test('what does not fit into the memory of the unpacker is refused when it is packed', () => {
  assert.equal(unpacked(packed(Buffer.alloc(131_072))).length, 131_072)
  assert.throws(() => packed(Buffer.alloc(131_073)), /more than the unpacker has memory for/)
  assert.throws(() => packed(Buffer.alloc(65_537, 255 - 33)), /more than the unpacker has memory for/)
})
