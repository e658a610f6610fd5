// In Node, as in servers and tests, the package does nothing and keeps no process alive.
import { expect, test } from './test.ts'

const CONSUMER = 'tests/packaging/consumers/node'

for (const script of ['imported.mjs', 'required.cjs']) {
  test(`Node: ${script} calls every method without a warning, and the process ends`, async ({ install }) => {
    const consumer = await install(CONSUMER)
    const printed = await test.step('run', () =>
      consumer.node('--throw-deprecation', '--unhandled-rejections=strict', script))
    expect(printed).toBe('every call returned\n')
  })
}
