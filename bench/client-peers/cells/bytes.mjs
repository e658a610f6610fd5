// What a page downloads: a bundle of the few lines that start the peer and track an event, as
// esbuild minifies it, compressed with brotli.
import { brotli } from '../../client/bundle.mjs'
import { bundled, sizedCode } from '../site.mjs'

/** `firstBytes` before the first event, `laterBytes` of files that the package may fetch later. */
export async function measureBytes(page) {
  const { files, first, bytesOf } = await bundled(sizedCode(page))
  const later = [...files.keys()].filter((name) => !first.has(name))
  return { firstBytes: brotli(bytesOf(first)), laterBytes: later.length ? brotli(bytesOf(later)) : 0 }
}
