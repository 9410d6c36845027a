import { describe, expect, test } from 'vitest'
import { DRAFT_LEN_MAX, type Draft, Drafts } from './drafts.ts'
import { Sheet } from './sheet.ts'
import { storage } from './storage.test.kit.ts'

const text = (text: string): Draft => ({ text, picks: [] })

/** A sheet, and an outbox that takes a text when the test says so. */
function writing() {
  const kept = storage()
  const drafts = new Drafts(kept, 'amy')
  const sheet = new Sheet(drafts, 'c').open()
  const taken: Draft[] = []
  const answers: { take: () => void; refuse: () => void }[] = []
  const outbox = (draft: Draft) =>
    new Promise<void>((resolve, reject) => {
      const take = () => {
        taken.push(draft)
        resolve()
      }
      answers.push({ take, refuse: () => reject(new Error('full')) })
    })
  /** What a start after a crash would find. */
  const stored = () => drafts.get('c').text
  return { sheet, taken, outbox, answers, stored, boxed: () => sheet.box.getState().text, drafts }
}

describe('a text that is sent', () => {
  test('leaves the box at once, and the storage when the outbox has it', async () => {
    const { sheet, outbox, answers, stored, boxed, taken } = writing()
    sheet.write(text('hello'))
    const sent = sheet.hand(outbox)
    expect([boxed(), stored()]).toEqual(['', 'hello'])
    answers[0]?.take()
    await sent
    expect([boxed(), stored(), taken]).toEqual(['', '', [text('hello')]])
  })

  test('stays stored beside what is written and sent after it', async () => {
    const { sheet, outbox, answers, stored, boxed } = writing()
    sheet.write(text('one'))
    const first = sheet.hand(outbox)
    sheet.write(text('two'))
    const second = sheet.hand(outbox)
    sheet.write(text('thr'))
    expect([boxed(), stored()]).toEqual(['thr', 'one\ntwo\nthr'])
    answers[0]?.take()
    await first
    expect(stored()).toBe('two\nthr')
    answers[1]?.take()
    await second
    expect([boxed(), stored()]).toEqual(['thr', 'thr'])
  })

  test('comes back before what was written since, where the outbox does not take it', async () => {
    const { sheet, outbox, answers, stored, boxed } = writing()
    sheet.write(text('one'))
    const sent = sheet.hand(outbox)
    sheet.write(text('tw'))
    answers[0]?.refuse()
    await expect(sent).rejects.toThrow('full')
    expect([boxed(), stored()]).toEqual(['one\ntw', 'one\ntw'])
  })

  test('is not in the box again for whoever comes back while it is on its way', async () => {
    const { sheet, outbox, answers, boxed } = writing()
    sheet.write(text('hello'))
    const sent = sheet.hand(outbox)
    expect(sheet.open().box.getState().text).toBe('')
    answers[0]?.take()
    await sent
    sheet.open()
    expect(boxed()).toBe('')
  })
})

test('what another window wrote is there when the conversation is opened again', () => {
  const { sheet, drafts, boxed } = writing()
  drafts.set('c', text('from elsewhere'), 1)
  sheet.open()
  expect(boxed()).toBe('from elsewhere')
})

test('what is too long to be stored is still in the box when the conversation is opened again', () => {
  const { sheet, boxed, stored } = writing()
  const long = 'x'.repeat(DRAFT_LEN_MAX + 1)
  sheet.write(text('half'))
  sheet.write(text(long))
  sheet.open()
  expect([boxed() === long, stored()]).toEqual([true, 'half'])
  sheet.write(text('short'))
  expect(sheet.open().box.getState().text).toBe('short')
})

test('what is sent is not stored any more, though what was written since is too long for it', async () => {
  const { sheet, outbox, answers, stored, boxed } = writing()
  const long = 'x'.repeat(DRAFT_LEN_MAX + 1)
  sheet.write(text('hello'))
  const sent = sheet.hand(outbox)
  sheet.write(text(long))
  expect(stored()).toBe('hello')
  answers[0]?.take()
  await sent
  expect([boxed() === long, stored()]).toEqual([true, ''])
})
