import { setTimeout as sleep } from 'node:timers/promises'
import { Client, type Loaded } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { form } from '../harness/form.ts'
import { Random, seed } from '../harness/random.ts'
import { killRenderer, rendererPid } from '../harness/renderer.ts'
import { ResponseDropper } from '../harness/response_dropper.ts'
import { expect, test } from '../harness/test.ts'

const ROUNDS = form(14, 120)
const TABS = 3
/**
 * A tab makes no more events while this many wait, so that the events of all tabs fit into storage.
 */
const WAITING_MAX = 400

test('each event is stored once after random kills, lost responses and reloads', async ({
  context,
  server,
  site,
}, info) => {
  test.setTimeout(240_000 + ROUNDS * 10_000)
  const startSeed = seed()
  info.annotations.push({ type: 'seed', description: String(startSeed) })
  console.log(`chaos: to reproduce it, set LAMPLIGHT_SEED=${startSeed}`)
  const random = new Random(startSeed)
  const dropper = await ResponseDropper.start(server.url)
  const ids: string[] = []

  /** Events that were stored survive their page. No others are promised to. */
  const keep = ({ made, unstored }: Loaded): void => {
    expect(unstored, 'all events of the load fit into storage').toEqual([])
    ids.push(...made)
  }
  const openLoaded = async (): Promise<Client> => {
    const tab = await Client.openPage(context, site, dropper.url)
    await tab.startLoad('chaos', WAITING_MAX)
    return tab
  }
  const tabs: Client[] = []
  for (let index = 0; index < TABS; index += 1) tabs.push(await openLoaded())

  const actions = {
    async killServer(): Promise<void> {
      await server.kill()
      await sleep(random.below(1_500))
      await server.restart()
    },
    async killTab(): Promise<void> {
      const index = random.below(TABS)
      const tab = tabs[index]!
      const pid = await rendererPid(tab.page)
      const hanging = await site.hangingRequest()
      await tab.stopLoadAndBlock(hanging)
      keep(JSON.parse(await hanging.body) as Loaded)
      await killRenderer(tab.page, pid)
      tabs[index] = await openLoaded()
    },
    async reloadTab(): Promise<void> {
      const tab = tabs[random.below(TABS)]!
      keep(await tab.stopLoadAndReload())
      await tab.init(dropper.url)
      await tab.startLoad('chaos', WAITING_MAX)
    },
    async dropResponses(): Promise<void> {
      dropper.mode = 'drop'
      await sleep(500 + random.below(1_000))
      dropper.mode = 'forward'
    },
  }

  try {
    const choices = Object.keys(actions) as (keyof typeof actions)[]
    for (let round = 0; round < ROUNDS; round += 1) {
      await sleep(random.below(600))
      await actions[choices[random.below(choices.length)]!]()
    }
    for (const tab of tabs) ids.push(...(await tab.stopLoad()))
    expect(ids.length).toBeGreaterThan(1_000)
    await expectExactlyOnce(server, ids, 120_000)
    for (const tab of tabs) await expect.poll(() => tab.waiting()).toBe(0)
  } finally {
    await dropper.close()
  }
})
