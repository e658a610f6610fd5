import { setTimeout as sleep } from 'node:timers/promises'
import { Client, type Loaded } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { form } from '../harness/form.ts'
import { Random, seed } from '../harness/random.ts'
import { killRenderer, rendererPid } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'
import { WireCutter } from '../harness/wire_cutter.ts'

const ROUNDS = form(14, 120)
const TABS = 3
/** Events that wait in a tab before it makes no more: those of all tabs, gone ones too, are to fit into storage. */
const WAITING_MAX = 400

test('whatever is killed, cut or reloaded, in whatever order, each event is stored once', async ({
  context,
  server,
  site,
}, info) => {
  test.setTimeout(240_000 + ROUNDS * 10_000)
  const startSeed = seed()
  info.annotations.push({ type: 'seed', description: String(startSeed) })
  console.log(`chaos: to see it again, set LAMPLIGHT_SEED=${startSeed}`)
  const random = new Random(startSeed)
  const cutter = await WireCutter.start(server.url)
  const ids: string[] = []

  /** What a page leaves behind is safe if it was stored; nothing else is promised. */
  const keep = ({ made, unstored }: Loaded): void => {
    expect(unstored, 'the load stays within what storage takes').toEqual([])
    ids.push(...made)
  }
  const openLoaded = async (): Promise<Client> => {
    const tab = await Client.openPage(context, site, cutter.url)
    await tab.startLoad('chaos', WAITING_MAX)
    return tab
  }
  const tabs: Client[] = []
  for (let index = 0; index < TABS; index += 1) tabs.push(await openLoaded())

  const acts = {
    async killServer(): Promise<void> {
      await server.kill()
      await sleep(random.below(1_500))
      await server.restart()
    },
    async killTab(): Promise<void> {
      const index = random.below(TABS)
      const tab = tabs[index]!
      const pid = await rendererPid(tab.page)
      const meeting = await site.meet()
      await tab.stopLoadAndStandStill(meeting)
      keep(JSON.parse(await meeting.words) as Loaded)
      await killRenderer(tab.page, pid)
      tabs[index] = await openLoaded()
    },
    async reloadTab(): Promise<void> {
      const tab = tabs[random.below(TABS)]!
      keep(await tab.stopLoadAndReload())
      await tab.init(cutter.url)
      await tab.startLoad('chaos', WAITING_MAX)
    },
    async loseAnswers(): Promise<void> {
      cutter.wire = 'loses_answers'
      await sleep(500 + random.below(1_000))
      cutter.wire = 'whole'
    },
  }

  try {
    const choices = Object.keys(acts) as (keyof typeof acts)[]
    for (let round = 0; round < ROUNDS; round += 1) {
      await sleep(random.below(600))
      await acts[choices[random.below(choices.length)]!]()
    }
    for (const tab of tabs) ids.push(...(await tab.stopLoad()))
    expect(ids.length).toBeGreaterThan(1_000)
    await expectExactlyOnce(server, ids, 120_000)
    for (const tab of tabs) await expect.poll(() => tab.waiting()).toBe(0)
  } finally {
    await cutter.close()
  }
})
