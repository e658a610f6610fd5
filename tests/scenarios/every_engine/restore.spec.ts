import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '../../harness/any_engine.ts'
import { Backups } from '../../harness/backup.ts'
import { separateProcesses } from '../../harness/engines/tab.ts'
import { expectExactlyOnceExcept } from '../../harness/exactly_once.ts'
import { TabClient } from '../../harness/tab_client.ts'

/** A tab makes no more events while this many wait, so that all of them fit into storage. */
const WAITING_MAX = 200
/** How many more events each tab gets acknowledged before the next step. */
const STEP = 60
/** How long a response takes to reach the page after the server or the network is gone. */
const ARRIVE_MS = 300

test('tabs go on after a restore, and holes are exactly what the backup did not have', async ({
  openClient,
  otherProfile,
  faultProxy,
  server,
}) => {
  const backups = await Backups.create()
  /** Waits until each tab has more events acknowledged. */
  const goOn = async (tabs: TabClient[]): Promise<void> => {
    const before = await Promise.all(tabs.map((tab) => tab.acknowledged()))
    for (const [at, tab] of tabs.entries()) {
      const wanted = (before[at]?.length ?? 0) + STEP
      await expect.poll(async () => (await tab.acknowledged()).length).toBeGreaterThanOrEqual(wanted)
    }
  }
  const acknowledged = async (tabs: TabClient[]): Promise<string[]> =>
    (await Promise.all(tabs.map((tab) => tab.acknowledged()))).flat()

  try {
    const online = [
      await openClient(),
      await openClient(),
      await TabClient.open(await otherProfile.openTab(), server.url),
    ]
    const offline = await TabClient.open(await otherProfile.openTab(), faultProxy.url)
    await separateProcesses([...online, offline].map((client) => client.tab))
    await Promise.all([...online, offline].map((tab) => tab.startLoad('worked', WAITING_MAX)))
    await goOn([...online, offline])
    faultProxy.behaviour = 'reset'
    await sleep(ARRIVE_MS)

    const before = await acknowledged([...online, offline])
    const backup = await backups.make(server)
    const during = new Set(await acknowledged([...online, offline]))
    // The backup knows nothing of this page.
    const late = await openClient()
    await late.startLoad('worked', WAITING_MAX)
    await goOn([...online, late])
    await server.kill()
    await sleep(ARRIVE_MS)
    const answered = await acknowledged([...online, offline, late])

    const kept = new Set((await backups.rows(backup)).map((row) => `${row.producer}-${row.seq}`))
    expect(
      before.filter((id) => !kept.has(id)),
      'was stored before the backup and is not in it',
    ).toEqual([])
    const after = answered.filter((id) => !during.has(id))
    expect(
      after.filter((id) => kept.has(id)),
      'was stored after the backup and is in it',
    ).toEqual([])
    expect(after.length).toBeGreaterThanOrEqual(STEP * (online.length + 1))
    const lost = answered.filter((id) => !kept.has(id))
    const hidden = new Set(await offline.acknowledged())
    expect(
      lost.filter((id) => hidden.has(id)),
      'an offline page loses nothing',
    ).toEqual([])

    await server.restart(await backups.restore(backup))
    faultProxy.behaviour = 'forward'
    const fresh = await openClient()
    await fresh.startLoad('worked', WAITING_MAX)
    const tabs = [...online, offline, late, fresh]
    await goOn(tabs)
    const made = (await Promise.all(tabs.map((tab) => tab.stopLoad()))).flat()
    await expectExactlyOnceExcept(lost, server, made)
    for (const tab of tabs) {
      await expect.poll(() => tab.waiting(), { message: 'events left in localStorage' }).toBe(0)
      expect(await tab.stats()).toMatchObject({ queued: 0 })
    }
  } finally {
    await backups.remove()
  }
})
