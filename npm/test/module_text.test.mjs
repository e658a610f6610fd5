// A page decodes exactly the bytes that the build encoded.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { encodedDecoder, encodeModule } from '../module_text.mjs'

const decoder = {
  name: 'decoder',
  setup(build) {
    build.onResolve({ filter: /^lamplight:decoder$/ }, ({ path }) => ({ path, namespace: 'decoder' }))
    build.onLoad({ filter: /./, namespace: 'decoder' }, () => ({
      contents: `export default ${JSON.stringify(encodedDecoder())}`,
    }))
  },
}
const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('../src/module_text.ts', import.meta.url))],
  bundle: true,
  format: 'esm',
  write: false,
  plugins: [decoder],
})
const { decodeModule } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
)

test('every byte survives, next to every other byte and in any number', () => {
  const pairs = Uint8Array.from({ length: (2 * 65_536) / 3 }, (_, at) => (at % 2 ? at >> 9 : at >> 1))
  const ends = [0, 1, 222, 223, 255].flatMap((one) =>
    [0, 94, 95, 222, 223, 255].map((other) => Uint8Array.of(one, other)),
  )
  for (const bytes of [Uint8Array.of(0), Uint8Array.from({ length: 256 }, (_, at) => at), pairs, ...ends]) {
    assert.deepEqual(Buffer.from(decodeModule(encodeModule(Buffer.from(bytes)))), Buffer.from(bytes))
  }
})

test('a module that does not fit into the memory of the decoder is refused', () => {
  assert.equal(decodeModule(encodeModule(Buffer.alloc(131_072))).length, 131_072)
  assert.throws(() => encodeModule(Buffer.alloc(131_073)), /does not fit into the decoder's memory/)
  assert.throws(() => encodeModule(Buffer.alloc(65_537, 255 - 33)), /does not fit into the decoder's memory/)
})
