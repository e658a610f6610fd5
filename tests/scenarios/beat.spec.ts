import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { form } from '../harness/form.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

/** Nobody can ask this browser which tabs live. */
function withoutWebLocks(): void {
  Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined })
}

/** A killed tab says nothing: then five minutes of a beat that stands still must tell. */
const WAYS = form(['left by its user'], ['left by its user', 'killed'])

for (const way of WAYS) {
  test(`with liveness 'beat' and no Web Locks at all, what a tab that is ${way} has queued is delivered by another`, async ({
    context,
    front,
    openBehindFront,
    server,
  }) => {
    test.setTimeout(way === 'killed' ? 420_000 : 90_000)
    await context.addInitScript(withoutWebLocks)
    const survivor = await openBehindFront({ liveness: 'beat' })
    const leaving = await openBehindFront({ liveness: 'beat' })
    const [, pid] = await separateRenderers([survivor.page, leaving.page])
    front.conduct = 'resets'
    const made = await leaving.trackMany(60, 'left_behind')
    const own = await survivor.trackMany(60, 'own')
    if (way === 'killed') await killRenderer(leaving.page, pid!)
    else await leaving.page.close({ runBeforeUnload: false })
    front.conduct = 'passes'
    await expectExactlyOnce(
      server,
      [...made, ...own].map((one) => one.id),
      way === 'killed' ? 380_000 : 60_000,
    )
    await expect.poll(() => survivor.waiting()).toBe(0)
    expect((await survivor.stats()).adopted).toBe(60)
  })
}
