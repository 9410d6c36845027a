import { CarillonError } from '@carillon/client'
import { expect, test } from 'vitest'
import { meaning } from './meaning.ts'

const refused = (field: string) =>
  meaning(new CarillonError({ code: 'E_FORBIDDEN', msg: 'no', retry: 'no', field }))

test('a group that only its owner alerts is told from people who are out of reach', () => {
  for (const field of ['to.convs[0]', 'to.convs[12]', 'to.unread_of']) {
    expect(refused(field)).toEqual({ field: 'to', key: 'wrong.dingAll' })
  }
  expect(refused('to')).toEqual({ field: 'to', key: 'ding.wrong.reach' })
  expect(refused('policy')).toEqual({ field: 'policy', key: 'ding.wrong.policy' })
})
