// Where there is no page: imported by servers and tests, it is quiet and keeps nothing alive.
import { expect, test } from './test.ts'

const ALONE = 'tests/packaging/consumers/node'

for (const script of ['imported.mjs', 'required.cjs']) {
  test(`Node: ${script} calls everything, hears nothing, and the process ends by itself`, async ({ install }) => {
    const consumer = await install(ALONE)
    const printed = await test.step('run', () =>
      consumer.node('--throw-deprecation', '--unhandled-rejections=strict', script))
    expect(printed).toBe('every call returned\n')
  })
}
