import { jump, setClocks } from '../harness/clocks.ts'
import { expectExactlyOnce } from '../harness/exactly_once.ts'
import { killRenderer, separateRenderers } from '../harness/renderer.ts'
import { expect, test } from '../harness/test.ts'

const DAY_MS = 86_400_000

for (const [where, byMs] of [
  ['a day forward', DAY_MS],
  ['a day back', -DAY_MS],
] as const) {
  test(`a clock that jumps ${where} during an outage delays and loses no event`, async ({
    context,
    faultProxy,
    openBehindProxy,
    server,
  }) => {
    await setClocks(context)
    const tab = await openBehindProxy()
    faultProxy.behaviour = 'reset'
    const before = await tab.trackMany(50, 'before')
    await expect.poll(() => faultProxy.posts.length).toBeGreaterThanOrEqual(1)
    await jump(tab.page, byMs)
    const after = await tab.trackMany(50, 'after')
    const failed = faultProxy.posts.length
    await expect
      .poll(() => faultProxy.posts.length, { timeout: 15_000, message: 'attempts after the jump' })
      .toBeGreaterThan(failed)
    faultProxy.behaviour = 'forward'
    await expectExactlyOnce(
      server,
      [...before, ...after].map((one) => one.id),
      40_000,
    )
  })

  test(`events of a killed tab whose clock is ${where} are adopted within seconds`, async ({
    context,
    faultProxy,
    openBehindProxy,
    server,
  }) => {
    await setClocks(context)
    const survivor = await openBehindProxy()
    const victim = await openBehindProxy()
    const [, pid] = await separateRenderers([survivor.page, victim.page])
    faultProxy.behaviour = 'reset'
    await jump(victim.page, byMs)
    const made = await victim.trackMany(50, 'elsewhen')
    await killRenderer(victim.page, pid!)
    faultProxy.behaviour = 'forward'
    await expectExactlyOnce(
      server,
      made.map((one) => one.id),
      25_000,
    )
    expect((await survivor.stats()).adopted).toBe(50)
  })
}
