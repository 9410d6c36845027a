import { defineConfig } from 'vitest/config'

export default defineConfig({
  // The package's own name leads to its source.
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['tests/**/*.test.ts'],
    // A patience for machines that do other work too; no test waits for it when all is well.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
