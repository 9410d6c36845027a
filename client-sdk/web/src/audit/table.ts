/** The log as a table for other programs. */

import type { AuditRow } from '@carillon/client'

const COLUMNS = [
  'number',
  'time',
  'person',
  'person_id',
  'what',
  'operation',
  'object',
  'outcome',
  'times',
  'address',
  'before',
  'after',
]

/** Rows as CSV, with the person's name and the sentence of each. */
export function csvOf(
  rows: readonly AuditRow[],
  words: (row: AuditRow) => { person: string; sentence: string },
): string {
  const lines = rows.map(row => {
    const { n, at, what } = row
    const { person, sentence } = words(row)
    return [
      n,
      new Date(at).toISOString(),
      person,
      what.actor,
      sentence,
      what.op,
      what.object,
      what.outcome,
      what.times,
      what.address ?? '',
      what.before ?? '',
      what.after ?? '',
    ]
  })
  const text = [COLUMNS, ...lines].map(cells => `${cells.map(cell).join(',')}\r\n`).join('')
  // Without the mark, spreadsheets take it for the encoding of the country that they are sold in.
  return `\ufeff${text}`
}

/** What begins like a formula would be one to whoever opens the table. */
function cell(value: string | number): string {
  const text = /^[=+\-@\t\r]/.test(`${value}`) ? `'${value}` : `${value}`
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
