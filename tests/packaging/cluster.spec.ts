// The files of the cluster: the programs that read them accept them, and do what the files say.
import { chmodSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { freePorts, Program, plainEnvironment, until } from '../cluster/processes.mjs'
import { Shard } from '../cluster/shard.mjs'
import {
  CLUSTER,
  type Container,
  composeEnvironment,
  type Document,
  documents,
  folder,
  kustomized,
  PASSWORD,
  podEnvironment,
  run,
  stopSecondsMax,
} from './cluster_files.ts'
import { expect, test } from './test.ts'

const COMPOSE = join(CLUSTER, 'compose.yaml')
const OVERLAYS = ['kubernetes', 'kubernetes-cloudnative-pg']
/** The oldest version that the guide names, and the newest that the validator knows. */
const KUBERNETES = ['1.30', '1.37']
const NODES_OF_NATS = ['nats1', 'nats2', 'nats3']

// Where the programs of the cluster can be installed.
if (process.platform === 'linux') {
  test('the schema of Compose accepts both files of Compose', async () => {
    const validator = join(folder('TEST_MANIFESTS'), 'check-jsonschema')
    const files = [COMPOSE, join(CLUSTER, '../compose.yaml')]
    expect(await run(validator, ['--builtin-schema', 'vendor.compose-spec', ...files])).toContain('ok')
  })

  for (const overlay of OVERLAYS)
    test(`Kubernetes knows everything in the manifests of ${overlay}`, async ({ workFolder }) => {
      const file = join(workFolder, `${overlay}.yaml`)
      writeFileSync(file, await kustomized(overlay))
      const validator = join(folder('TEST_MANIFESTS'), 'kubernetes-validate')
      for (const version of KUBERNETES) {
        const printed = await run(validator, ['--strict', '--kubernetes-version', version, file])
        // Resources of an operator, whose schema is not Kubernetes' own.
        const unknown = printed.split('\n').filter((line) => line.startsWith('WARN') && !line.includes('kind Cluster'))
        expect(unknown).toEqual([])
        expect(printed).toMatch(/passed for resource statefulset\/nats/)
      }
    })

  test('every pod runs without rights, in bounds, and for long enough to stop', async ({ workFolder }) => {
    for (const overlay of OVERLAYS) {
      const file = join(workFolder, `${overlay}-pods.yaml`)
      writeFileSync(file, await kustomized(overlay))
      const pods = (await documents(file)).filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
      expect(pods.length).toBeGreaterThan(1)
      for (const { metadata, spec } of pods) {
        const pod = spec.template.spec
        expect(pod, metadata.name).toMatchObject({
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        })
        const [container] = pod.containers as Container[]
        expect(container?.securityContext, metadata.name).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        expect(container?.resources.requests['cpu'] && container.resources.limits['memory']).toBeTruthy()
        const preStop = pod.containers[0].lifecycle?.preStop.sleep.seconds ?? 0
        expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(stopSecondsMax() + preStop)
      }
      const budgets = (await documents(file)).filter(({ kind }) => kind === 'PodDisruptionBudget')
      expect(budgets.find(({ metadata }) => metadata.name === 'nats').spec.maxUnavailable).toBe(1)
    }
  })

  test('in Compose, every node has a volume of its own, and servers have time to stop', async () => {
    const [{ services, volumes }] = await documents(COMPOSE)
    const mounted = Object.values<Document>(services).flatMap((service): string[] => service.volumes ?? [])
    const named = mounted.map((volume) => volume.split(':')[0] ?? '').filter((name) => !name.startsWith('.'))
    expect(named.sort()).toEqual(Object.keys(volumes).sort())
    for (const [name, service] of Object.entries<Document>(services)) {
      expect(service, name).toMatchObject({ read_only: true, cap_drop: ['ALL'], restart: 'unless-stopped' })
      if (name.startsWith('lamplight'))
        expect(Number.parseInt(service.stop_grace_period, 10)).toBeGreaterThan(stopSecondsMax())
    }
  })

  test('NATS accepts its configuration with the values of Compose and of Kubernetes', async ({ workFolder }) => {
    const [{ services }] = await documents(COMPOSE)
    const [, , set] = await documents(join(CLUSTER, 'nats/nats.yaml'))
    const [container] = set.spec.template.spec.containers
    const environments = [
      ...NODES_OF_NATS.map((name) => composeEnvironment(services[name])),
      podEnvironment(container, { POD_NAME: 'nats-0' }),
    ]
    expect(container.image).toBe(services.nats1.image)
    for (const environment of environments) {
      // The test of a configuration also tries the folder of the data.
      const env = { ...environment, NATS_STORE: JSON.stringify(join(workFolder, 'nats')) }
      const args = ['-t', '-c', join(CLUSTER, 'nats/nats.conf')]
      expect(await run(join(folder('TEST_NATS'), 'nats-server'), args, env)).toContain('is valid')
      expect(environment['NATS_ROUTES']).toContain(`route:${PASSWORD}@`)
    }
  })

  test('the load balancer sends requests only to servers that are ready', async ({ workFolder }) => {
    let isReady = true
    const [one, other] = [await server('one', () => isReady), await server('other', () => true)]
    const [port] = await freePorts(1)
    const env = {
      BALANCER_LISTEN: `127.0.0.1:${port}`,
      LAMPLIGHT1: `127.0.0.1:${(one.address() as AddressInfo).port}`,
      LAMPLIGHT2: `127.0.0.1:${(other.address() as AddressInfo).port}`,
    }
    const args = ['-db', '-f', join(CLUSTER, 'lamplight/haproxy.cfg')]
    const log = join(workFolder, 'balancer.log')
    const balancer = new Program('balancer', {
      command: folder('TEST_HAPROXY'),
      args,
      cwd: workFolder,
      env: { ...plainEnvironment(), ...env },
      log,
    })
    balancer.start()
    try {
      const answering = async (): Promise<string[]> => {
        const answers = await Promise.all(Array.from({ length: 8 }, () => fetch(`http://127.0.0.1:${port}/`)))
        return [...new Set(await Promise.all(answers.map((answer) => answer.text())))].sort()
      }
      await until('both answer', async () => (await answering()).join() === 'one,other', { programs: [balancer] })
      isReady = false
      await until('one is left out', async () => (await answering()).join() === 'other', { programs: [balancer] })
      isReady = true
      await until('both answer again', async () => (await answering()).join() === 'one,other', { programs: [balancer] })
    } finally {
      await balancer.kill()
      for (const each of [one, other]) each.closeAllConnections()
      for (const each of [one, other]) each.close()
    }
  })

  test('a shard loses no commit when its standby takes over, and the old one copies it', async ({ workFolder }) => {
    // The user of PostgreSQL must be able to enter it.
    chmodSync(workFolder, 0o755)
    const running: Shard[] = []
    const passwords = { POSTGRES_PASSWORD: 'one', REPLICATION_PASSWORD: 'two', DATABASE_PASSWORD: 'three' }
    const place = { folder: workFolder, config: join(CLUSTER, 'postgres'), programs: folder('TEST_POSTGRES') }
    try {
      const shard = await Shard.start({ name: 'shard', ...place, passwords, running })
      const [old, standby] = shard.nodes
      expect(await shard.primary()).toBe(old)
      const settings = "SELECT setting FROM pg_settings WHERE name IN ('data_checksums', 'fsync', 'synchronous_commit')"
      expect(await shard.ask(old, settings)).toEqual(['on', 'on', 'on'])
      await shard.ask(old, 'CREATE TABLE kept AS SELECT 1 AS number')
      await old.kill()
      // What was answered is on the standby, and nothing is answered while there is only one.
      await shard.promote(standby)
      const alone = shard.ask(standby, 'INSERT INTO kept VALUES (2) RETURNING number')
      const waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
      await expect.poll(() => shard.ask(standby, waiting)).toEqual(['1'])
      old.start()
      await expect.poll(() => old.printed()).toContain('the other node became the primary while this one was down')
      await expect.poll(() => old.isRunning).toBe(false)
      await shard.copyAgain(old)
      expect(await shard.primary()).toBe(standby)
      expect(await alone).toEqual(['2'])
      await expect.poll(() => shard.ask(old, 'SELECT number FROM kept ORDER BY number')).toEqual(['1', '2'])
    } finally {
      for (const shard of running) await shard.stop()
    }
  })
}

/** A server that says whether it is ready, and its name to everything else. */
async function server(name: string, isReady: () => boolean): Promise<Server> {
  const listening = createServer((request, response) => {
    const status = request.url === '/readyz' && !isReady() ? 503 : 200
    response.writeHead(status, { connection: 'close' }).end(name)
  })
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  return listening
}
