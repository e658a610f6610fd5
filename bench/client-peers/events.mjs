// The events that pages track. Each carries its number as a mark that every encoding of the peers
// keeps readable, so that the server can tell which events arrived.

const WORDS =
  'window basket summer delivery garden customer yellow discount review market season leather kitchen return bottle size'.split(
    ' ',
  )

const MARK = /mk(\d{6})km/g

export const markOf = (number) => `mk${String(number).padStart(6, '0')}km`

/** The numbers of the events in `text`, each once. */
export const numbersIn = (text) => new Set(Array.from(text.matchAll(MARK), ([, digits]) => Number(digits)))

/** The properties of an event, about 300 bytes of JSON. Their text differs from event to event. */
export function properties(number) {
  let seed = number + 1
  const word = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return WORDS[seed % WORDS.length]
  }
  return {
    mark: markOf(number),
    sku: `A-${number}`,
    price: 49.9,
    list: word(),
    position: number % 50,
    path: `/shop/${word()}/${word()}`,
    note: Array.from({ length: 24 }, word).join(' '),
  }
}
