import type { Args, AuditRow, Client } from '@carillon/client'

/** So many rows are downloaded at once, about 3 MB: more is for the command line. */
export const DOWNLOAD_MAX = 10_000
/** The most rows of one answer. */
const PAGE = 200

type Caller = Pick<Client, 'call'>

/**
 * The newest rows of a filter, page after page.
 *
 * @param told hears how many there are so far
 * @param stopped ends it: what is there by then is the answer
 */
export async function collect(
  client: Caller,
  args: Args<'audit.list'>,
  told: (rows: number) => void,
  stopped: AbortSignal,
): Promise<{ rows: AuditRow[]; more: boolean }> {
  const rows: AuditRow[] = []
  let more = true
  while (more && rows.length < DOWNLOAD_MAX && !stopped.aborted) {
    const below = rows.at(-1)?.n
    const from = below === undefined ? {} : { below }
    const page = await client.call('audit.list', { ...args, ...from, limit: PAGE })
    rows.push(...page.rows)
    more = page.more && page.rows.length > 0
    told(rows.length)
  }
  return { rows, more }
}
