import { LIMITS } from '@carillon/client'
import type { Key } from '../texts/language.tsx'
import type { Schedule } from './Schedules.tsx'

const encoder = new TextEncoder()
const bytesOf = (text: string) => encoder.encode(text).length

/** What is wrong with what is to be posted, before the server is asked. */
export interface Fault {
  /** `intro`: the text above a digest of one's own; `says`: anything else. */
  field: 'says' | 'intro'
  key: Key
}

/** What cannot be posted as it is; the limits are the server's, which counts bytes. */
export function faultOf(says: Schedule['says']): Fault | undefined {
  if (says.kind === 'text') {
    if (says.text.trim() === '') return { field: 'says', key: 'schedules.text.none' }
    const isLong = bytesOf(says.text) > LIMITS.TEXT_LEN_MAX
    return isLong ? { field: 'says', key: 'schedules.text.long' } : undefined
  }
  if (says.kind !== 'template') return undefined
  const { intro = '', sections } = says.template
  if (bytesOf(intro) > LIMITS.DIGEST_INTRO_LEN_MAX) {
    return { field: 'intro', key: 'digest.intro.long' }
  }
  const charts = sections.filter(({ show }) => show === 'chart').length
  if (charts > LIMITS.DIGEST_CHARTS_MAX) return { field: 'says', key: 'digest.charts.most' }
  return undefined
}
