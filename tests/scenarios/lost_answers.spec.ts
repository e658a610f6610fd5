import { Client } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { expect, test } from '../harness/test.ts'
import { WireCutter } from '../harness/wire_cutter.ts'

test('answers that get lost on the way back make the tabs send again, and the server store nothing twice', async ({
  context,
  server,
  site,
}) => {
  const cutter = await WireCutter.start(server.url)
  try {
    const tabs = [await Client.openPage(context, site, cutter.url), await Client.openPage(context, site, cutter.url)]
    cutter.wire = 'loses_answers'
    const made = (await Promise.all(tabs.map((tab) => tab.trackInSteps(300, 10, 'unanswered')))).flat()
    await expect.poll(() => cutter.answersLost, { message: 'answers lost' }).toBeGreaterThanOrEqual(4)
    for (const tab of tabs) expect(await tab.stats()).toMatchObject({ sent: 0, queued: 300 })
    expect((await server.api.totals()).stored, 'the server has acted on what it could not answer').toBeGreaterThan(0)

    cutter.wire = 'whole'
    await expectExactlyOnce(
      server,
      made.map((one) => one.id),
    )
    expect((await server.api.totals()).duplicates, 'repeats dropped').toBeGreaterThan(0)
    for (const tab of tabs) await expect.poll(() => tab.waiting()).toBe(0)
  } finally {
    await cutter.close()
  }
})
