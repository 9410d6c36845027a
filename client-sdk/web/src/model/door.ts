import type { Client } from '@carillon/client'

/** What the model uses of the connection. */
export type Door = Pick<Client, 'call' | 'listen' | 'queue' | 'discard' | 'outbox'>
