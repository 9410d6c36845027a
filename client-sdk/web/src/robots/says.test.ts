import { LIMITS } from '@carillon/client'
import { expect, test } from 'vitest'
import { partOf } from './facts.ts'
import { faultOf } from './says.ts'

const text = (text: string) => ({ kind: 'text', text }) as const

function digest(intro: string, charts: number) {
  const chart = { ...partOf('chat.messages'), show: 'chart' } as const
  const sections = Array.from({ length: charts }, () => chart)
  return { kind: 'template', template: { intro, sections } } as const
}

test('what the server takes has no fault', () => {
  expect(faultOf({ kind: 'digest', digest: 'dings' })).toBeUndefined()
  expect(faultOf(text('Good morning'))).toBeUndefined()
  expect(faultOf(digest('早晨', LIMITS.DIGEST_CHARTS_MAX))).toBeUndefined()
})

test('each limit has words of its own', () => {
  expect(faultOf(text(' \n'))?.key).toBe('schedules.text.none')
  expect(faultOf(text('a'.repeat(LIMITS.TEXT_LEN_MAX + 1)))?.key).toBe('schedules.text.long')
  const intro = faultOf(digest('a'.repeat(LIMITS.DIGEST_INTRO_LEN_MAX + 1), 1))
  expect(intro).toEqual({ field: 'intro', key: 'digest.intro.long' })
  const charts = faultOf(digest('Morning', LIMITS.DIGEST_CHARTS_MAX + 1))
  expect(charts?.key).toBe('digest.charts.most')
})

test('what is written in Chinese is as long as its bytes', () => {
  const most = Math.floor(LIMITS.DIGEST_INTRO_LEN_MAX / 3)
  expect(faultOf(digest('早'.repeat(most), 1))).toBeUndefined()
  expect(faultOf(digest('早'.repeat(most + 1), 1))?.field).toBe('intro')
})
