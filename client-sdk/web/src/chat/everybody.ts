import type { Text } from '../texts/language.tsx'

/** The words for everybody as they stand in messages: whoever wrote one may use another language. */
export function everybodyIn(t: Text): string[] {
  return t('chat.everybody.written').split('|')
}
