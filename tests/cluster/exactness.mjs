// Whether everything that was acknowledged is stored once, by the rows of the databases, by the
// ledgers of the producers, and by the totals.
import { setTimeout as sleep } from 'node:timers/promises'
import { compare } from './load.mjs'
import { until } from './processes.mjs'

/** A lease of a server that was killed ends after a minute. */
const STORED_MS_MAX = 240_000

export class Exactness {
  /** What all loads were acknowledged. */
  #acknowledged = 0

  constructor(cluster) {
    this.cluster = cluster
  }

  /** Waits until what a load was acknowledged is stored, and counts it. */
  async of(acknowledged) {
    this.#acknowledged += acknowledged.length
    const producers = new Map()
    for (const text of acknowledged) {
      const [producer] = text.split('-')
      producers.set(producer, (producers.get(producer) ?? 0) + 1)
    }
    const begun = Date.now()
    let found
    const isExact = async () => {
      const texts = (await Promise.all(this.cluster.shards.map(rows))).flat()
      const stored = compare(
        acknowledged,
        texts.filter((text) => producers.has(text.split('-')[0])),
      )
      found = { ...stored, wrong: producers.size, total: Number.NaN }
      if (stored.lost > 0) return wait()
      found.wrong = await this.#wrong(producers)
      found.total = await this.#stored()
      return isRight(found) || wait()
    }
    // What is not right is in the table, and no reason to stop.
    await until('everything is stored', isExact, { msMax: STORED_MS_MAX }).catch(() => undefined)
    return { ...found, storedMs: Date.now() - begun }
  }

  /** How many ledgers do not say that each number has arrived, and no other. */
  async #wrong(producers) {
    const wrong = [...producers].map(async ([producer, count]) => {
      const [ledger] = (await this.#api(`producers?producer=${producer}`)).producers
      const { made, received, missing, verdict } = ledger ?? {}
      return !(made === count && received === count && missing === 0 && verdict === 'complete')
    })
    return (await Promise.all(wrong)).filter(Boolean).length
  }

  /** How many events more are stored than all loads were acknowledged. */
  async #stored() {
    const { stored, lost, in_flight } = await this.#api('totals')
    return stored + lost + in_flight - this.#acknowledged
  }

  async #api(path) {
    const { url, keys } = this.cluster.servers
    const headers = { authorization: `Bearer ${keys.admin}` }
    const answer = await fetch(`${url}/api/${path}`, { headers, signal: AbortSignal.timeout(15_000) })
    const said = await answer.json()
    if (!answer.ok || said.partial) throw new Error(`${path}: ${JSON.stringify(said)}`)
    return said
  }
}

/**
 * Whether what was found has no fault.
 *
 * @param {Record<string, unknown>} found
 */
export const isRight = ({ lost, doubled, wrong, total }) => lost + doubled + wrong === 0 && total === 0

async function wait() {
  await sleep(1_000)
  return false
}

async function rows(shard) {
  const texts = "SELECT properties->>'text' FROM lamplight.events WHERE name = 'cluster'"
  return shard.ask(await shard.primary(), texts)
}
