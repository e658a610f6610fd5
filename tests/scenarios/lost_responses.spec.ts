import { Client } from '../harness/client.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { ResponseDropper } from '../harness/response_dropper.ts'
import { expect, test } from '../harness/test.ts'

test('tabs retry after lost responses, and the server stores nothing twice', async ({ context, server, site }) => {
  const dropper = await ResponseDropper.start(server.url)
  try {
    const tabs = [await Client.openPage(context, site, dropper.url), await Client.openPage(context, site, dropper.url)]
    dropper.mode = 'drop'
    const made = (await Promise.all(tabs.map((tab) => tab.trackInSteps(300, 10, 'unanswered')))).flat()
    await expect.poll(() => dropper.dropped, { message: 'responses dropped' }).toBeGreaterThanOrEqual(4)
    for (const tab of tabs) expect(await tab.stats()).toMatchObject({ sent: 0, queued: 300 })
    expect(
      (await server.api.totals()).stored,
      'the server has stored events whose responses were dropped',
    ).toBeGreaterThan(0)

    dropper.mode = 'forward'
    await expectExactlyOnce(
      server,
      made.map((one) => one.id),
    )
    expect((await server.api.totals()).duplicates, 'repeats dropped').toBeGreaterThan(0)
    for (const tab of tabs) await expect.poll(() => tab.waiting()).toBe(0)
  } finally {
    await dropper.close()
  }
})
