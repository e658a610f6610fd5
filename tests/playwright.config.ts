import { defineConfig } from '@playwright/test'
import type { Choice } from './harness/any_engine.ts'
import { launchOptions } from './harness/engines/chromium.ts'

/** The scenarios that every browser runs; all others are Chromium's. */
const EVERY_ENGINE = 'every_engine/**'

/** One at a time: the tests count renderer processes and measure who has the processor. */
export default defineConfig<Choice>({
  testDir: 'scenarios',
  outputDir: 'results/failures',
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  // A second try tells a busy machine from a fault; the summary names what needed one. The long form has none.
  retries: process.env['LAMPLIGHT_FORM'] === 'full' ? 0 : 1,
  timeout: 90_000,
  expect: { timeout: 30_000 },
  reporter: [['list'], ['./harness/tally_reporter.ts']],
  use: { trace: 'off', launchOptions: launchOptions() },
  projects: [
    { name: 'chromium' },
    { name: 'firefox', testMatch: EVERY_ENGINE, use: { engineName: 'firefox' } },
    { name: 'webkit', testMatch: EVERY_ENGINE, use: { engineName: 'webkit' } },
  ],
})
