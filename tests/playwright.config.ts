import { defineConfig } from '@playwright/test'
import { chromiumPath } from './harness/chromium.ts'

/** One at a time: the tests count renderer processes and measure who has the processor. */
export default defineConfig({
  testDir: 'scenarios',
  outputDir: 'results/failures',
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  timeout: 90_000,
  expect: { timeout: 30_000 },
  reporter: [['list']],
  use: {
    trace: 'off',
    launchOptions: {
      executablePath: chromiumPath(),
      chromiumSandbox: process.getuid?.() !== 0,
      args: [
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        '--disable-quic',
      ],
    },
  },
})
