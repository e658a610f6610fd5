// The servers, and the load balancer in front of them.
import path from 'node:path'
import { clockEnvironment } from './clocks.mjs'
import { freePorts, Program, plainEnvironment, until } from './processes.mjs'
import { PLAIN } from './wires.mjs'

const KEYS = {
  LAMPLIGHT_WRITE_KEY: 'wk_of_the_cluster',
  LAMPLIGHT_SECRET_KEY: 'sk_of_the_cluster_secret',
  LAMPLIGHT_ADMIN_TOKEN: 'at_of_the_cluster_secret',
}

export class Servers {
  /** Starts them. `clock` is libfaketime, if clocks can be set. */
  static async start({ folder, config, binary, balancer, count, settingsOf, clock, network = PLAIN, running = [] }) {
    const [front, ...ports] = await freePorts(count + 1)
    const server = async (port, index) => {
      const name = `lamplight${index + 1}`
      const settings = await settingsOf(name)
      const file = path.join(folder, `${name}.clock`)
      if (clock) Object.assign(settings, clockEnvironment(clock, file))
      const args = ['serve', '--listen', `127.0.0.1:${port}`, '--data', path.join(folder, name)]
      const env = { ...plainEnvironment(), ...KEYS, ...settings, LAMPLIGHT_TRUSTED_PROXIES: '127.0.0.1' }
      const how = { command: binary, args, env, cwd: folder, log: path.join(folder, `${name}.log`), restarts: true }
      return Object.assign(new Program(name, how), { url: `http://127.0.0.1:${port}`, clock: file })
    }
    const servers = await Promise.all(ports.map(server))
    const env = { ...plainEnvironment(), BALANCER_LISTEN: `127.0.0.1:${front}` }
    for (const [index, port] of ports.entries()) {
      const reached = await network.reach('balancer', servers[index].name, port)
      env[`LAMPLIGHT${index + 1}`] = `127.0.0.1:${reached}`
    }
    const args = ['-db', '-f', config]
    const how = { command: balancer, args, env, cwd: folder, log: path.join(folder, 'balancer.log') }
    const all = new Servers(servers, new Program('balancer', how), `http://127.0.0.1:${front}`)
    running.push(all)
    for (const server of servers) server.start()
    all.balancer.start()
    await all.ready()
    return all
  }

  constructor(servers, balancer, url) {
    this.servers = servers
    this.balancer = balancer
    this.url = url
    this.keys = { write: KEYS.LAMPLIGHT_WRITE_KEY, admin: KEYS.LAMPLIGHT_ADMIN_TOKEN }
  }

  /** Waits until every server is ready, and the balancer knows it. */
  ready() {
    const isReady = async () => {
      const answers = await Promise.all(
        [this.url, ...this.servers.map(({ url }) => url)].map((url) =>
          fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }),
        ),
      )
      return answers.every(({ ok }) => ok)
    }
    const programs = [...this.servers, this.balancer]
    return until('the servers are ready', isReady, { msMax: 120_000, programs })
  }

  async stop() {
    await this.balancer.stop()
    await Promise.all(this.servers.map((server) => server.stop()))
  }
}
