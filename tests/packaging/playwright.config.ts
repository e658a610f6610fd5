import { defineConfig } from '@playwright/test'
import { launchOptions } from '../harness/engines/chromium.ts'

/** One worker and one browser, because a bundler uses all of a small machine. */
export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  outputDir: '../results/packaging',
  workers: 1,
  forbidOnly: true,
  retries: 0,
  // For a bundler's build on a busy machine.
  timeout: 240_000,
  expect: { timeout: 30_000 },
  reporter: [['list'], ['./times_reporter.ts'], ['../harness/failures_reporter.ts']],
  use: { trace: 'off', launchOptions: launchOptions() },
})
