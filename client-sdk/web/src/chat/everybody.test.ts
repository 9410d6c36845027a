import { expect, test } from 'vitest'
import { catalogue, LANGUAGES } from '../../texts/plugin.ts'
import { everybodyIn } from './everybody.ts'

test('everybody is found in a message by the word of every language, whatever the reader’s', () => {
  const texts = catalogue()
  const words = LANGUAGES.map(language => texts.get('chat.everybody')?.[language])
  for (const language of LANGUAGES) {
    const found = everybodyIn(key => texts.get(key)?.[language] ?? key)
    expect(found).toEqual(expect.arrayContaining(words))
  }
})
