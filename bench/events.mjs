// Events as the pages of a shop send them, for benchmarks of the server.
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'

/** Events of one page. */
const PAGE_EVENTS = 100
/** Bodies from this size on are compressed, as the SDK does it. */
const GZIP_BYTES_MIN = 8 * 1_024
/** The names of events. The first four are those of a small page. */
const NAMES = ['page', 'product_viewed', 'added_to_cart', 'signed_up']
for (const thing of ['cart', 'order', 'search', 'coupon', 'video', 'review', 'wishlist', 'payment', 'account'])
  for (const verb of ['opened', 'changed', 'closed']) NAMES.push(`${thing}_${verb}`)
const PATHS = ['/', '/pricing', '/docs/start', '/blog/why-events-get-lost', '/checkout/payment']

/** The browser of the pages. */
export const AGENT =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'

/** Text that looks random and compresses as badly, but is the same in every run. */
function token(kind, number, length) {
  return createHash('sha256').update(`${kind} ${number}`).digest('hex').slice(0, length)
}

/** A page's name, as the SDK makes it: 26 digits of base 32, the first 10 of which are a time. */
const producer = (number) => `01${String(number).padStart(8, '0')}${token('producer', number, 16).toUpperCase()}`

/** An event of a shop with one of the first `names` names: about 650 bytes, half of it context. */
function event(number, names) {
  const page = Math.floor(number / PAGE_EVENTS)
  const path = PATHS[number % PATHS.length]
  return {
    name: NAMES[(number * 7) % names],
    ts: Date.now() - (number % 1_000),
    producer: producer(page),
    seq: (number % PAGE_EVENTS) + 1,
    user: { anonymous_id: token('user', page >> 2, 26) },
    session: token('session', page, 26),
    properties: {
      product: token('product', number % 9_973, 12),
      price: 1 + (number % 7_919) / 100,
      currency: 'EUR',
      list: 'recommended',
      position: number % 40,
    },
    context: {
      page: {
        url: `https://shop.example.com${path}/${token('address', number % 9_973, 8)}`,
        path,
        title: `A page of the shop about ${token('title', number % 997, 10)}`,
        referrer: 'https://www.example.org/search',
      },
      screen: { width: 1_440, height: 900, density: 2 },
      locale: 'en-GB',
      timezone: 'Europe/Zurich',
      sdk: { name: 'lamplight', version: '0.1.0' },
    },
  }
}

/** The body of a request with `count` events from number `first` on, which have `names` names. */
export function body(first, count, names = 4) {
  const events = Array.from({ length: count }, (_, index) => event(first + index, names))
  const last = events.at(-1)
  const producers = { [last.producer]: { next: last.seq + 1 } }
  const text = Buffer.from(JSON.stringify({ v: 1, sent_at: Date.now(), producers, events }))
  return text.length >= GZIP_BYTES_MIN ? gzipSync(text, { level: 6 }) : text
}
