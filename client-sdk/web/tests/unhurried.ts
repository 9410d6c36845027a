import { test as base, Server } from './kit.ts'

/** Nobody writes or reads too fast for it. */
const UNLIMITED = {
  CARILLON_LIMITS__WRITES_PER_S: '1000000',
  CARILLON_LIMITS__READS_PER_S: '1000000',
}

/** A demo company of this file's own, to fill as fast as it goes. */
export const test = base.extend<object, { server: Server }>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names from it
    async ({}, use) => {
      const server = new Server(['--demo'], UNLIMITED)
      await server.start()
      await use(server)
      await server.stop()
      server.dispose()
    },
    { scope: 'worker' },
  ],
})
