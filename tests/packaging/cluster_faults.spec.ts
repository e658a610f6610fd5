// A whole cluster that works on while its network is cut, a clock steps and buckets move. The long
// form is `cargo xtask torture --only cluster`.
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { step } from '../cluster/clocks.mjs'
import { startCluster } from '../cluster/cluster.mjs'
import { isRight } from '../cluster/exactness.mjs'
import { survive } from '../cluster/faults.mjs'
import { Mover } from '../cluster/moves.mjs'
import { table } from '../cluster/table.mjs'
import { folder } from './cluster_files.ts'
import { expect, test } from './test.ts'

const HOUR_S = 3_600
const AROUND_MS = 500
/** Of two shards, the one that everything leaves. */
const DRAINED = '2'

// Where the programs of the cluster can be installed.
if (process.platform === 'linux') {
  test('a cluster loses nothing with a cut network, a wrong clock and a killed move', async ({ workFolder }) => {
    // The user of PostgreSQL must be able to enter it.
    chmodSync(workFolder, 0o755)
    const running: { stop(): unknown }[] = []
    const rows: Record<string, unknown>[] = []
    try {
      const cluster = await startCluster({
        folder: join(workFolder, 'cluster'),
        programs: {
          binary: folder('LAMPLIGHT_BIN'),
          balancer: folder('TEST_HAPROXY'),
          nats: folder('TEST_NATS'),
          postgres: folder('TEST_POSTGRES'),
          clock: folder('TEST_FAKETIME'),
        },
        withWires: true,
        running,
      })
      const { nats, shards, servers, network } = cluster
      const [server] = servers.servers
      const mover = new Mover(cluster)
      const everything = async (): Promise<void> => {
        network.cut('hole', [server.name], [(await nats!.leader())!.name])
        network.cut('hole back', [server.name], [(await shards[1]!.primary())!.name])
        await sleep(3_000)
        network.heal()
        await step(servers, server, HOUR_S)
        const killed = mover.start('move', '--at-once', '64', '--drain', DRAINED)
        await mover.leaves()
        await killed.kill()
        network.cut('reset', [servers.balancer.name], [server.name])
        await mover.move('--drain', DRAINED)
        network.heal()
        await step(servers, server, 0)
        await mover.restore(DRAINED)
      }
      await survive(cluster, [['everything at once', everything]], rows, console.log, AROUND_MS)
      await mover.verify()
      expect(rows[0]!['acknowledged']).toBeGreaterThan(500)
      expect(rows.every(isRight), table(rows)).toBe(true)
    } finally {
      for (const part of running.reverse()) await part.stop()
    }
  })
}
