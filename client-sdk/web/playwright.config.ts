import { defineConfig } from '@playwright/test'

/** Chromium as Debian installs it; it is told to keep to itself. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results/run',
  forbidOnly: !!process.env.CI,
  // On a shared machine a page may starve for seconds; what passed only then is called flaky.
  retries: process.env.CI ? 2 : 0,
  workers: 2,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  use: {
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: QUIET },
    locale: 'en-GB',
    timezoneId: 'Asia/Hong_Kong',
    viewport: { width: 1440, height: 900 },
    actionTimeout: 15_000,
    // A trace takes a picture with every step: `--trace on` where one is needed.
    trace: 'on-first-retry',
  },
})
