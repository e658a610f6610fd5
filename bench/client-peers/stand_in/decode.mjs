// Finds the numbers of the events in a request, whatever its encoding: JSON, lines of JSON, forms,
// base64 within either, compressed with and without a header that says so.
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { numbersIn } from '../events.mjs'

const DECOMPRESS = { gzip: gunzipSync, deflate: inflateSync, br: brotliDecompressSync }

const isGzip = (bytes) => bytes[0] === 0x1f && bytes[1] === 0x8b

/** The numbers of the events in a request with this target, headers and body. */
export function eventsOf(target, headers, body) {
  const text = `${plain(target)}\n${plain(decompressed(headers['content-encoding'], body).toString('latin1'))}`
  const numbers = numbersIn(text)
  for (const [run] of text.matchAll(/[A-Za-z0-9+/_-]{40,}={0,2}/g))
    for (const number of numbersIn(Buffer.from(run, 'base64').toString('latin1'))) numbers.add(number)
  return numbers
}

/** Throws if the body is not what the header says. */
function decompressed(encoding, body) {
  if (!body.length) return body
  if (isGzip(body)) return gunzipSync(body)
  if (!encoding || encoding === 'identity') return body
  const decompress = DECOMPRESS[encoding]
  if (!decompress) throw new Error(`a request has the unknown content encoding '${encoding}'`)
  return decompress(body)
}

/** Without percent escapes. */
const plain = (text) =>
  text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escaped) => Buffer.from(escaped.replaceAll('%', ''), 'hex').toString('latin1'))
