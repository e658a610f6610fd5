// Cuts of the network between any two parts of a cluster.
import { setTimeout as sleep } from 'node:timers/promises'
import { again } from './kills.mjs'
import { CUTS } from './wires.mjs'

/** Longer than a node of NATS needs to notice that it is alone, which is 10 s. */
const HOLE_MS = 14_000
const RESET_MS = 5_000
/** Long enough to store what was delivered, and too short to notice anything. */
const STORES_MS = 1_000
const WHAT = {
  reset: (one, other) => `connections between ${one} and ${other} are reset`,
  hole: (one, other) => `nothing arrives between ${one} and ${other}`,
  'hole there': (one, other) => `nothing arrives from ${one} at ${other}`,
  'hole back': (one, other) => `nothing arrives from ${other} at ${one}`,
}
const named = (programs) => programs.map(({ name }) => name)

/** Cuts between two groups of programs, each with its name, and how the network is made whole. */
export function cuts({ nats, shards, servers, network }) {
  const [server] = servers.servers
  const primary = async (shard) => [await shard.primary()]
  const standby = async (shard) => [shard.other(await shard.primary())]
  const pairs = [['the balancer', () => [servers.balancer], 'a server', () => [server]]]
  if (nats) {
    const leader = async () => [await nats.leader()]
    const others = async () => {
      const [leads] = await leader()
      return nats.nodes.filter((node) => node !== leads)
    }
    pairs.push(
      ['a server', () => [server], 'the NATS node that leads', leader],
      ['a server', () => [server], 'all NATS nodes', () => nats.nodes],
      ['the NATS node that leads', leader, 'another one', async () => (await others()).slice(0, 1)],
      ['the NATS node that leads', leader, 'both others', others],
    )
  }
  const [control, last] = [shards[0], shards.at(-1)]
  pairs.push(
    ['all servers', () => servers.servers, `the primary of ${control.name}`, () => primary(control)],
    ['a server', () => [server], `the primary of ${last.name}`, () => primary(last)],
    ['the primary', () => primary(last), `the standby of ${last.name}`, () => standby(last)],
  )
  const cut = pairs.flatMap(([one, ones, other, others]) =>
    Object.keys(CUTS).map((kind) => [
      WHAT[kind](one, other),
      async () => {
        network.cut(kind, named(await ones()), named(await others()))
        await sleep(kind === 'reset' ? RESET_MS : HOLE_MS)
        network.heal()
      },
    ]),
  )
  return nats ? [...cut, ['a server that cannot acknowledge what it stores is killed', killUnheard]] : cut

  async function killUnheard() {
    network.cut('hole there', named([server]), named(nats.nodes))
    await sleep(STORES_MS)
    await server.kill()
    network.heal()
    await again([server])
  }
}
