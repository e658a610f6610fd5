import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { form } from '../harness/form.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

/** A browser without Web Locks cannot tell which tabs are alive. */
function withoutWebLocks(): void {
  Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined })
}

/** A killed tab announces nothing, so it counts as dead after five minutes without a heartbeat. */
const WAYS = form(['closed'], ['closed', 'killed'])

for (const way of WAYS) {
  test(`without Web Locks, another tab delivers the queue of a ${way} tab`, async ({
    context,
    faultProxy,
    openBehindProxy,
    server,
  }) => {
    test.setTimeout(way === 'killed' ? 420_000 : 90_000)
    await context.addInitScript(withoutWebLocks)
    const survivor = await openBehindProxy({ liveness: 'beat' })
    const leaving = await openBehindProxy({ liveness: 'beat' })
    const [, pid] = await separateRenderers([survivor.page, leaving.page])
    faultProxy.behaviour = 'reset'
    const made = await leaving.trackMany(60, 'left_behind')
    const own = await survivor.trackMany(60, 'own')
    if (way === 'killed') await killRenderer(leaving.page, pid!)
    else await leaving.page.close({ runBeforeUnload: false })
    faultProxy.behaviour = 'forward'
    await expectExactlyOnce(
      server,
      [...made, ...own].map((one) => one.id),
      way === 'killed' ? 380_000 : 60_000,
    )
    await expect.poll(() => survivor.waiting()).toBe(0)
    expect((await survivor.stats()).adopted).toBe(60)
  })
}
