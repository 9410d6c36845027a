import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import { icons } from './icons.ts'
import { texts, wordsOf } from './texts/plugin.ts'

/** The server that `npm run dev` stands before. */
const SERVER = process.env.SERVER_URL ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [react(), texts(), icons()],
  // The service worker is one small file: it has its few words in itself.
  define: { PUSH_WORDS: JSON.stringify(wordsOf('worker.')) },
  resolve: { conditions: ['source', 'module', 'browser', 'development|production'] },
  // The same for tests, which run in Node: before anything was built, there is only the source.
  ssr: { resolve: { conditions: ['source', 'module', 'node', 'development|production'] } },
  build: {
    target: 'es2022',
    // Every browser that the target names preloads modules by itself, and a data address for a
    // picture would be an exception in the content security policy.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      input: { index: 'index.html', push: 'src/push/worker.ts' },
      // A browser asks at one address whether there is a newer service worker.
      output: {
        entryFileNames: ({ name }) => (name === 'push' ? 'push.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  // The server answers its own pages only: what the page of `npm run dev` asks looks like theirs.
  server: {
    proxy: {
      '/v1': { target: SERVER, ws: true, changeOrigin: true, headers: { origin: SERVER } },
    },
  },
  test: {
    include: ['src/**/*.test.ts', 'src/**/*.test.tsx', 'texts/**/*.test.ts'],
    // A patience for machines that do other work too; no test waits for it when all is well.
    testTimeout: 60_000,
  },
})
