import { defineConfig } from '@playwright/test'
import type { Choice } from './harness/any_engine.ts'
import { launchOptions } from './harness/engines/chromium.ts'

/** Scenarios that run in every browser. All others run in Chromium. */
const EVERY_ENGINE = 'every_engine/**'

/** Scenarios that leave the test site. The harness of WebKitGTK reaches pages of that site only. */
const ELSEWHERE = ['**/every_engine/console.spec.ts', '**/every_engine/first_minute.spec.ts']

/**
 * One worker. `cargo xtask test` has more: each has its own browser, whose processes its scenarios
 * count.
 */
export default defineConfig<Choice>({
  testDir: 'scenarios',
  outputDir: 'results/failures',
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  // A second attempt distinguishes a busy machine from a fault; the summary lists failed attempts.
  // The full form has none.
  retries: process.env['LAMPLIGHT_FORM'] === 'full' ? 0 : 1,
  timeout: 90_000,
  expect: { timeout: 30_000 },
  reporter: [['list'], ['./harness/tally_reporter.ts'], ['./harness/failures_reporter.ts']],
  use: { trace: 'off', launchOptions: launchOptions() },
  projects: [
    { name: 'chromium' },
    { name: 'firefox', testMatch: EVERY_ENGINE, use: { engineName: 'firefox' } },
    { name: 'webkit', testMatch: EVERY_ENGINE, testIgnore: ELSEWHERE, use: { engineName: 'webkit' } },
  ],
})
