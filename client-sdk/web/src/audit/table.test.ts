import type { Args, AuditRow } from '@carillon/client'
import { expect, test } from 'vitest'
import { collect, DOWNLOAD_MAX } from './collect.ts'
import { csvOf } from './table.ts'

const row = (n: number): AuditRow => ({
  n,
  at: Date.UTC(2026, 10, 22, 9, 30),
  what: { op: 'org.update', actor: 'A', object: 'org:O', outcome: 'done', times: 1 },
})

test('a table keeps what is in a cell, and makes no formula of it', () => {
  const words = () => ({ person: '=HYPERLINK("x")', sentence: 'Amy said "hi", twice\nor more' })
  const text = csvOf([row(7)], words)
  expect(text.startsWith('\ufeffnumber,time,person,')).toBe(true)
  expect(text.split('\r\n')[1]).toBe(
    `7,2026-11-22T09:30:00.000Z,"'=HYPERLINK(""x"")",A,"Amy said ""hi"", twice\nor more",` +
      'org.update,org:O,done,1,,,',
  )
})

/** A server with so many rows; what it was asked. */
function log(length: number) {
  const asked: (number | undefined)[] = []
  const call = async (_: string, { below = length + 1, limit = 50 }: Args<'audit.list'>) => {
    asked.push(below)
    const first = Math.min(below - 1, length)
    const count = Math.min(limit, first)
    const rows = Array.from({ length: count }, (_, index) => row(first - index))
    return { rows, more: first > count }
  }
  return { asked, client: { call } as unknown as Parameters<typeof collect>[0] }
}

test('all rows are read, page after page, each once', async () => {
  const told: number[] = []
  const { client } = log(450)
  const signal = new AbortController().signal
  const { rows, more } = await collect(client, {}, rows => told.push(rows), signal)
  expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: 450 }, (_, index) => 450 - index))
  expect(told).toEqual([200, 400, 450])
  expect(more).toBe(false)
})

test('there is an end to what is read at once, and whoever stops it asks no more', async () => {
  const long = log(DOWNLOAD_MAX + 1)
  const whole = await collect(long.client, {}, () => undefined, new AbortController().signal)
  expect([whole.rows.length, whole.more]).toEqual([DOWNLOAD_MAX, true])
  const stop = new AbortController()
  const stopped = log(1_000)
  await collect(stopped.client, {}, () => stop.abort(), stop.signal)
  expect(stopped.asked).toHaveLength(1)
})
